//! The one log line and the counters of a refused message.

use acs_core::erro::ErroMessage;

/// Reports a message refused with an Erro: rule, code and elements, never values.
pub(crate) fn report(listener: &'static str, ds_id: &str, erro: &ErroMessage) {
    let code = format!("{:?}", erro.code);
    tracing::warn!(
        listener,
        ds = ds_id,
        rule = erro.rule,
        code,
        elements = erro.detail,
        description = erro.description,
        ds_trans_id = erro.ds_trans_id.map(tracing::field::display),
        acs_trans_id = erro.acs_trans_id.map(tracing::field::display),
        "message refused"
    );
    metrics::counter!("acs_erro_total", "code" => code.clone(), "rule" => erro.rule).increment(1);
    metrics::counter!("acs_refused_total", "listener" => listener, "cause" => code).increment(1);
}
