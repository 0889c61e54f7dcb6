//! What every engine must do. Each case gets a fresh, empty engine.

use std::sync::Arc;

use acs_core::UtcMillis;
use acs_core::crypto::ContentKey;
use acs_core::flow::consent::{Consent, ConsentKind};
use acs_core::notice::OpStatus;
use acs_core::profile::CardState;
use acs_server::storage::{
    Committed, ConsentRow, Deadline, OutgoingKind, OutgoingRow, OutgoingWrite, ReplayKey, Secret,
    Store, StoreError, StoredReply, StoredState, TransactionNumber, TransactionRow,
    TransactionWrite, Unit,
};
use futures_util::future::join_all;

use super::{
    Engine, START, due, event, insert, notice, outgoing, put, replace, replay_key, row, secret,
};

/// Makes one test per case for the engine `$engine`.
macro_rules! mount {
    ($engine:ty: $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::storage::contract::$case(&<$engine as $crate::storage::Engine>::new()).await;
            }
        )+
    };
}

/// Mounts the whole suite.
macro_rules! contract {
    ($engine:ty) => {
        $crate::storage::contract::mount! { $engine:
            a_transaction_comes_back_as_it_was_stored,
            a_deadline_that_stays_is_left_alone,
            replace_keeps_what_is_set_at_insert,
            everything_survives_a_reopen,
            numbers_go_on_after_a_reopen,
            simultaneous_writes_have_one_winner_per_revision,
            a_state_is_never_older_than_the_last_commit,
            a_conflict_drops_its_whole_unit_and_no_other,
            a_refused_unit_leaves_the_others_of_its_group,
            a_second_insert_of_a_number_is_refused,
            events_come_back_in_order,
            due_transactions_come_oldest_first,
            an_outgoing_message_lives_until_closed,
            a_look_at_outgoing_messages_goes_on_where_the_last_one_ended,
            messages_that_are_far_off_are_made_due,
            an_rreq_that_may_have_left_is_never_replaced,
            open_messages_found_at_start_may_have_been_sent,
            a_repeated_ds_trans_id_is_a_conflict,
            simultaneous_inserts_of_one_ds_trans_id_have_one_winner,
            the_replay_window_is_rebuilt,
            a_server_id_belongs_to_its_first_ds_trans_id,
            a_reply_can_be_read_for_its_window_only,
            a_reply_can_be_read_after_a_reopen,
            cards_are_found_by_issuer_and_number,
            consents_are_kept_with_the_unit_that_decided_them,
            a_card_keeps_a_bounded_number_of_consents,
            parts_of_a_notice_come_back_in_order,
            a_place_in_a_notice_is_taken_once,
            the_oldest_parts_of_notices_go,
            a_closed_store_says_so,
            unknown_things_are_not_found,
        }
    };
}

pub(crate) use {contract, mount};

pub(crate) async fn commit(store: &dyn Store, unit: Unit) {
    assert_eq!(store.commit(unit).await.unwrap(), Committed::Durable);
}

async fn insert_one(store: &dyn Store) -> TransactionNumber {
    let number = store.next_number();
    commit(store, insert(row(number))).await;
    number
}

pub(crate) async fn a_transaction_comes_back_as_it_was_stored<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = store.next_number();
    let mut stored = row(number);
    stored.deadline = Some(START.plus_seconds(30));
    stored.secret = Some(secret("4000000000001000"));
    stored.replay = Some(replay_key(1));
    stored.reply = Some(StoredReply::new(b"ARes".to_vec()));
    commit(&*store, insert(stored)).await;

    let found = store.transaction(number).await.unwrap().unwrap();
    assert_eq!(found.number, number);
    assert_eq!((found.issuer_id.as_str(), found.ds_id.as_str()), ("bank-a", "ds-a"));
    assert_eq!((found.created, found.revision), (START, 0));
    assert_eq!(found.deadline, Some(START.plus_seconds(30)));
    assert_eq!(found.state.json(), row(number).state.json());
    assert_eq!(found.replay, Some(replay_key(1)));
    assert_eq!(found.reply, Some(StoredReply::new(b"ARes".to_vec())));
    let found = found.secret.unwrap();
    assert_eq!(found.pan(), secret("4000000000001000").pan());
    assert_eq!(found.contacts().sms.as_deref(), Some("+819012345678"));
}

/// A write that leaves the deadline alone counts only where it is as the writer thinks.
pub(crate) async fn a_deadline_that_stays_is_left_alone<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = store.next_number();
    let until = START.plus_seconds(30);
    let at = |deadline| TransactionRow { deadline, ..row(number) };
    commit(&*store, insert(at(Some(until)))).await;
    let attempts = [(Some(START), Committed::Conflict), (Some(until), Committed::Durable)];
    for (deadline, outcome) in attempts {
        let row = TransactionRow { revision: 1, ..at(deadline) };
        let write = TransactionWrite::Replace { row, expected: 0, deadline: Deadline::Stays };
        let unit = Unit { transaction: Some(write), ..Unit::default() };
        assert_eq!(store.commit(unit).await.unwrap(), outcome);
    }
    assert_eq!(store.due(until, 5).await.unwrap(), [number]);
    commit(&*store, replace(TransactionRow { revision: 2, ..at(None) }, 1)).await;
    assert_eq!(store.due(until, 5).await.unwrap(), []);
    let unwritten = TransactionRow { state: StoredState::default(), ..at(None) };
    let refused = store.commit(replace(unwritten, 2)).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
}

pub(crate) async fn replace_keeps_what_is_set_at_insert<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = store.next_number();
    let mut first = row(number);
    first.secret = Some(secret("4000000000001000"));
    first.replay = Some(replay_key(1));
    first.reply = Some(StoredReply::new(b"ARes".to_vec()));
    commit(&*store, insert(first)).await;
    let mut next = row(number);
    next.revision = 1;
    next.state = StoredState::stored(b"{}".to_vec());
    commit(&*store, replace(next, 0)).await;

    let found = store.transaction(number).await.unwrap().unwrap();
    assert_eq!((found.revision, found.state.json()), (1, b"{}".as_slice()));
    assert_eq!(found.replay, Some(replay_key(1)));
    assert_eq!(found.reply, Some(StoredReply::new(b"ARes".to_vec())));
    assert!(found.secret.is_none());
}

pub(crate) async fn everything_survives_a_reopen<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = store.next_number();
    let mut unit = insert(row(number));
    unit.events = vec![event(number, "areq-answered")];
    unit.outgoing = vec![OutgoingWrite::Put(outgoing(number, OutgoingKind::RReq))];
    commit(&*store, unit).await;
    store.close().await.unwrap();
    drop(store);

    let store = engine.open();
    assert!(store.transaction(number).await.unwrap().is_some());
    assert_eq!(store.events(number).await.unwrap().len(), 1);
    assert_eq!(due(&*store, START).await.len(), 1);
}

pub(crate) async fn numbers_go_on_after_a_reopen<E: Engine>(engine: &E) {
    let store = engine.open();
    let first = insert_one(&*store).await;
    let second = insert_one(&*store).await;
    assert!(second > first);
    drop(store);
    assert!(engine.open().next_number() > second);
}

pub(crate) async fn simultaneous_writes_have_one_winner_per_revision<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = insert_one(&*store).await;
    for revision in 0..3 {
        let attempts = (0..64).map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut next = row(number);
                next.revision = revision + 1;
                next.state = StoredState::stored(vec![writer]);
                let mut unit = replace(next, revision);
                unit.events = vec![event(number, "otp-wrong")];
                store.commit(unit).await.unwrap()
            })
        });
        let outcomes = join_all(attempts).await;
        let winners = outcomes
            .iter()
            .filter(|outcome| *outcome.as_ref().unwrap() == Committed::Durable)
            .count();
        assert_eq!(winners, 1);
        // The conflicting units left no event behind.
        let counted = store.events(number).await.unwrap().len();
        assert_eq!(counted, revision as usize + 1);
    }
}

/// An app's challenge, with readers and refused writers beside each write.
pub(crate) async fn a_state_is_never_older_than_the_last_commit<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = insert_one(&*store).await;
    let open = |revision: u32| {
        let mut next = row(number);
        next.revision = revision;
        next.state = StoredState::stored(revision.to_be_bytes().to_vec());
        let (old, key) = (secret("4000000000001000"), ContentKey::from_bytes([7; 32]));
        next.secret =
            Some(Secret::new(old.pan().unwrap().clone(), old.contacts().clone(), Some(key)));
        next
    };
    for revision in 1..=20 {
        let writes = [revision - 1, revision + 7, revision - 1].map(|expected| {
            let (store, row) = (Arc::clone(&store), open(revision));
            tokio::spawn(async move {
                let outcome = store.commit(replace(row, expected)).await.unwrap();
                let read = store.state(number).await.unwrap().unwrap();
                assert!(outcome == Committed::Conflict || read.revision >= revision);
                outcome
            })
        });
        let reads = (0..8).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let read = store.state(number).await.unwrap().unwrap();
                assert!(read.revision + 1 >= revision);
            })
        });
        let (outcomes, read) = tokio::join!(join_all(writes), join_all(reads.collect::<Vec<_>>()));
        assert!(read.iter().all(Result::is_ok));
        let outcomes = outcomes.into_iter().map(Result::unwrap);
        assert_eq!(outcomes.filter(|outcome| *outcome == Committed::Durable).count(), 1);
        let found = store.state(number).await.unwrap().unwrap();
        assert_eq!(found.revision, revision);
        assert_eq!(found.state.json(), open(revision).state.json());
        let secret = found.secret.unwrap();
        assert_eq!(secret.content_key().unwrap().expose_bytes(), &[7; 32]);
    }
    let mut last = row(number);
    last.revision = 21;
    commit(&*store, replace(last, 20)).await;
    let found = store.state(number).await.unwrap().unwrap();
    assert_eq!((found.revision, found.secret.is_none()), (21, true));
}

pub(crate) async fn a_conflict_drops_its_whole_unit_and_no_other<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = insert_one(&*store).await;
    let stale = || {
        let mut next = row(number);
        next.revision = 8;
        let mut unit = replace(next, 7);
        unit.events = vec![event(number, "otp-wrong")];
        unit.outgoing = vec![OutgoingWrite::Put(outgoing(number, OutgoingKind::Otp))];
        unit
    };
    let others: Vec<_> = (0..20).map(|_| store.next_number()).collect();
    let units = others.iter().flat_map(|other| [stale(), insert(row(*other))]);
    let outcomes = join_all(units.map(|unit| store.commit(unit))).await;
    for pair in outcomes.chunks(2) {
        assert_eq!(pair[0], Ok(Committed::Conflict));
        assert_eq!(pair[1], Ok(Committed::Durable));
    }
    for other in others {
        assert!(store.transaction(other).await.unwrap().is_some());
    }
    assert!(store.events(number).await.unwrap().is_empty());
    assert!(due(&*store, START).await.is_empty());
}

pub(crate) async fn a_refused_unit_leaves_the_others_of_its_group<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = insert_one(&*store).await;
    let mut sent = outgoing(number, OutgoingKind::RReq);
    sent.maybe_sent = true;
    commit(&*store, put(sent)).await;
    // Refused at its last statement: the first ones must not stay.
    let refused = || {
        let mut next = row(number);
        next.revision = 1;
        let mut unit = replace(next, 0);
        unit.events = vec![event(number, "challenge-ended")];
        unit.outgoing = vec![OutgoingWrite::Put(outgoing(number, OutgoingKind::RReq))];
        unit
    };
    let others: Vec<_> = (0..20).map(|_| store.next_number()).collect();
    let units = others.iter().flat_map(|other| [refused(), insert(row(*other))]);
    let outcomes = join_all(units.map(|unit| store.commit(unit))).await;
    for pair in outcomes.chunks(2) {
        assert!(matches!(pair[0], Err(StoreError::Refused(_))));
        assert_eq!(pair[1], Ok(Committed::Durable));
    }
    assert_eq!(store.transaction(number).await.unwrap().unwrap().revision, 0);
    assert!(store.events(number).await.unwrap().is_empty());
}

pub(crate) async fn a_second_insert_of_a_number_is_refused<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = insert_one(&*store).await;
    let again = store.commit(insert(row(number))).await;
    assert!(matches!(again, Err(StoreError::Refused(_))), "{again:?}");
}

pub(crate) async fn events_come_back_in_order<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = store.next_number();
    let mut unit = insert(row(number));
    // A line feed in the detail, and an event of nobody, take other ways into the store.
    let mut pretty = event(number, "second");
    pretty.detail = b"{\n}".to_vec();
    let mut foreign = event(number, "third");
    foreign.transaction = None;
    unit.events = vec![event(number, "first"), pretty.clone(), foreign];
    commit(&*store, unit).await;
    let later = Unit { events: vec![event(number, "fourth")], ..Unit::default() };
    commit(&*store, later).await;

    let found = store.events(number).await.unwrap();
    let kinds: Vec<_> = found.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["first", "second", "fourth"]);
    assert_eq!(found[0].detail, event(number, "first").detail);
    assert_eq!(found[1].detail, pretty.detail);
    assert_eq!(found[2].at, START);
}

pub(crate) async fn due_transactions_come_oldest_first<E: Engine>(engine: &E) {
    let store = engine.open();
    let mut numbers = Vec::new();
    for seconds in [30, 10, 20, 40] {
        let number = store.next_number();
        let mut due = row(number);
        due.deadline = Some(START.plus_seconds(seconds));
        commit(&*store, insert(due)).await;
        numbers.push(number);
    }
    insert_one(&*store).await;
    let at = |seconds| START.plus_seconds(seconds);
    assert_eq!(store.due(at(9), 10).await.unwrap(), []);
    assert_eq!(store.due(at(30), 10).await.unwrap(), [numbers[1], numbers[2], numbers[0]]);
    assert_eq!(store.due(at(30), 2).await.unwrap(), [numbers[1], numbers[2]]);
    let mut over = row(numbers[1]);
    over.revision = 1;
    commit(&*store, replace(over, 0)).await;
    assert_eq!(store.due(at(30), 10).await.unwrap(), [numbers[2], numbers[0]]);
}

pub(crate) async fn an_outgoing_message_lives_until_closed<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = store.next_number();
    let (kind, transaction) = (OutgoingKind::Otp, number);
    commit(&*store, put(outgoing(number, kind))).await;
    commit(&*store, put(outgoing(number, OutgoingKind::RReq))).await;
    assert!(due(&*store, UtcMillis(START.0 - 1)).await.is_empty());
    assert_eq!(due(&*store, START).await.len(), 2);

    let next_attempt = START.plus_seconds(5);
    let attempted =
        OutgoingWrite::Attempted { transaction, kind, attempts: 1, next_attempt, maybe_sent: true };
    commit(&*store, Unit { outgoing: vec![attempted], ..Unit::default() }).await;
    let found = due(&*store, next_attempt).await;
    assert_eq!((found[0].kind, found[1].kind), (OutgoingKind::RReq, kind));
    assert_eq!((found[1].attempts, found[1].maybe_sent), (1, true));
    assert_eq!(found[1].destination, "https://ds.example/rreq");
    assert_eq!(found[1].payload, b"payload");
    assert_eq!(found[1].expires, START.plus_seconds(300));

    let mut again = outgoing(number, kind);
    again.payload = b"another code".to_vec();
    commit(&*store, put(again)).await;
    let found = due(&*store, START).await;
    let replaced = found.iter().find(|row| row.kind == kind).unwrap();
    assert_eq!((replaced.payload.as_slice(), replaced.attempts), (b"another code".as_slice(), 0));

    let closed = || OutgoingWrite::Closed { transaction, kind, how: "delivered" };
    commit(&*store, Unit { outgoing: vec![closed(), closed()], ..Unit::default() }).await;
    assert_eq!(due(&*store, next_attempt).await.len(), 1);
    // News of an attempt that comes late changes nothing.
    let late =
        OutgoingWrite::Attempted { transaction, kind, attempts: 9, next_attempt, maybe_sent: true };
    commit(&*store, Unit { outgoing: vec![late], ..Unit::default() }).await;
    assert_eq!(due(&*store, next_attempt).await.len(), 1);
}

pub(crate) async fn a_look_at_outgoing_messages_goes_on_where_the_last_one_ended<E: Engine>(
    engine: &E,
) {
    let store = engine.open();
    // Two of a transaction, and three of one time.
    let numbers: Vec<_> = (0..3).map(|_| store.next_number()).collect();
    let at = |number, kind, seconds| OutgoingRow {
        next_attempt: START.plus_seconds(seconds),
        ..outgoing(number, kind)
    };
    let (otp, rreq) = (OutgoingKind::Otp, OutgoingKind::RReq);
    for row in [
        at(numbers[2], rreq, 0),
        at(numbers[1], otp, 5),
        at(numbers[1], rreq, 5),
        at(numbers[0], rreq, 5),
        at(numbers[0], otp, 9),
    ] {
        commit(&*store, put(row)).await;
    }
    let now = START.plus_seconds(5);
    let (mut seen, mut after, mut looks) = (Vec::new(), None, 0);
    loop {
        let found = store.outgoing_due(now, after, 2).await.unwrap();
        looks += 1;
        seen.extend(found.rows.iter().map(|found| (found.row.transaction, found.row.kind)));
        after = found.rest;
        if after.is_none() {
            break;
        }
    }
    let in_order = [(numbers[2], rreq), (numbers[0], rreq), (numbers[1], rreq), (numbers[1], otp)];
    assert_eq!(seen, in_order);
    assert_eq!(looks, 3, "the last one found nothing more");
}

pub(crate) async fn messages_that_are_far_off_are_made_due<E: Engine>(engine: &E) {
    let store = engine.open();
    let numbers = [store.next_number(), store.next_number(), store.next_number()];
    for (number, seconds) in numbers.into_iter().zip([0, 3_600, 3_600]) {
        let next_attempt = START.plus_seconds(seconds);
        let row = OutgoingRow { next_attempt, ..outgoing(number, OutgoingKind::RReq) };
        commit(&*store, put(row)).await;
    }
    let (transaction, kind) = (numbers[2], OutgoingKind::RReq);
    let closed = OutgoingWrite::Closed { transaction, kind, how: "answered" };
    commit(&*store, Unit { outgoing: vec![closed], ..Unit::default() }).await;
    let now = START.plus_seconds(10);
    assert_eq!(due(&*store, now).await.len(), 1);
    store.outgoing_anew(now).await.unwrap();
    let found = due(&*store, now).await;
    let next: Vec<_> = found.iter().map(|row| (row.transaction, row.next_attempt)).collect();
    assert_eq!(next, [(numbers[0], START), (numbers[1], now)]);
}

pub(crate) async fn an_rreq_that_may_have_left_is_never_replaced<E: Engine>(engine: &E) {
    let store = engine.open();
    let transaction = store.next_number();
    let rreq = || outgoing(transaction, OutgoingKind::RReq);
    commit(&*store, put(rreq())).await;
    commit(&*store, put(rreq())).await;
    let attempted = OutgoingWrite::Attempted {
        transaction,
        kind: OutgoingKind::RReq,
        attempts: 1,
        next_attempt: START,
        maybe_sent: true,
    };
    commit(&*store, Unit { outgoing: vec![attempted], ..Unit::default() }).await;
    let refused = store.commit(put(rreq())).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
}

pub(crate) async fn open_messages_found_at_start_may_have_been_sent<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = store.next_number();
    commit(&*store, put(outgoing(number, OutgoingKind::RReq))).await;
    assert!(!due(&*store, START).await[0].maybe_sent);
    drop(store);
    let store = engine.open();
    assert!(due(&*store, START).await[0].maybe_sent);
}

pub(crate) async fn a_repeated_ds_trans_id_is_a_conflict<E: Engine>(engine: &E) {
    let store = engine.open();
    let mut first = row(store.next_number());
    first.replay = Some(replay_key(1));
    let number = first.number;
    commit(&*store, insert(first)).await;
    let mut second = row(store.next_number());
    second.replay = Some(replay_key(1));
    let other = second.number;
    assert_eq!(store.commit(insert(second)).await, Ok(Committed::Conflict));
    assert_eq!(store.replay(&replay_key(1)), Some((number, replay_key(1).body)));
    assert_eq!(store.replay(&replay_key(2)), None);
    assert!(store.transaction(other).await.unwrap().is_none());
}

pub(crate) async fn simultaneous_inserts_of_one_ds_trans_id_have_one_winner<E: Engine>(engine: &E) {
    let store = engine.open();
    let units = (0..32).map(|_| {
        let mut row = row(store.next_number());
        row.replay = Some(replay_key(1));
        store.commit(insert(row))
    });
    let outcomes = join_all(units.collect::<Vec<_>>()).await;
    let winners = outcomes.iter().filter(|o| **o == Ok(Committed::Durable)).count();
    assert_eq!(winners, 1);
    assert_eq!(outcomes.iter().filter(|o| **o == Ok(Committed::Conflict)).count(), 31);
}

pub(crate) async fn the_replay_window_is_rebuilt<E: Engine>(engine: &E) {
    let store = engine.open();
    let mut numbers = Vec::new();
    for n in 0..50 {
        let mut row = row(store.next_number());
        row.replay = Some(replay_key(n));
        numbers.push(row.number);
        commit(&*store, insert(row)).await;
    }
    drop(store);
    let store = engine.open();
    for (n, number) in (0..).zip(numbers) {
        assert_eq!(store.replay(&replay_key(n)), Some((number, replay_key(n).body)));
    }
    let mut again = row(store.next_number());
    again.replay = Some(replay_key(7));
    assert_eq!(store.commit(insert(again)).await, Ok(Committed::Conflict));
}

pub(crate) async fn a_server_id_belongs_to_its_first_ds_trans_id<E: Engine>(engine: &E) {
    let key = |n: u64, server: u8| ReplayKey { server: Some([server; 16]), ..replay_key(n) };
    async fn inserted(store: &dyn Store, key: ReplayKey) -> Result<Committed, StoreError> {
        let mut row = row(store.next_number());
        row.replay = Some(key);
        store.commit(insert(row)).await
    }
    let store = engine.open();
    assert!(!store.server_id_is_taken(&key(1, 9)));
    assert_eq!(inserted(&*store, key(1, 9)).await, Ok(Committed::Durable));
    drop(store);
    let store = engine.open();
    assert!(!store.server_id_is_taken(&key(1, 9)), "its own");
    assert!(store.server_id_is_taken(&key(2, 9)));
    assert!(!store.server_id_is_taken(&replay_key(2)), "not asked for");
    assert_eq!(inserted(&*store, key(2, 9)).await, Ok(Committed::Conflict));
    assert_eq!(store.replay(&replay_key(2)), None);
    assert_eq!(inserted(&*store, key(2, 8)).await, Ok(Committed::Durable));
    assert_eq!(inserted(&*store, replay_key(3)).await, Ok(Committed::Durable));
}

pub(crate) async fn a_reply_can_be_read_for_its_window_only<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = store.next_number();
    let mut first = row(number);
    first.reply = Some(StoredReply::new(b"ARes".to_vec()));
    commit(&*store, insert(first)).await;
    // Any call that names a time lets the store's time pass; a key seals for a minute.
    store.due(START.plus_seconds(60), 1).await.unwrap();
    insert_one(&*store).await;
    assert!(store.transaction(number).await.unwrap().unwrap().reply.is_some());
    store.due(START.plus_seconds(121), 1).await.unwrap();
    insert_one(&*store).await;
    insert_one(&*store).await;
    let found = store.transaction(number).await.unwrap().unwrap();
    assert!(found.reply.is_none());
    drop(store);
    let store = engine.open();
    assert!(store.transaction(number).await.unwrap().unwrap().reply.is_none());
}

pub(crate) async fn a_reply_can_be_read_after_a_reopen<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = store.next_number();
    let mut first = row(number);
    first.reply = Some(StoredReply::new(b"ARes".to_vec()));
    commit(&*store, insert(first)).await;
    drop(store);
    let store = engine.open();
    let found = store.transaction(number).await.unwrap().unwrap();
    assert_eq!(found.reply, Some(StoredReply::new(b"ARes".to_vec())));
}

pub(crate) async fn cards_are_found_by_issuer_and_number<E: Engine>(engine: &E) {
    let store = engine.open();
    let token = store.card_token(secret("4000000000001000").pan().unwrap());
    let line = |state| format!(r#"{{"pan":"4000000000001000","expiry":"3012","state":"{state}"}}"#);
    engine.import_cards("bank-a", &line("active"));
    engine.import_cards("bank-b", &line("lost"));
    let state = async |issuer| store.card(issuer, &token).await.unwrap().map(|card| card.state);
    assert_eq!(state("bank-a").await, Some(CardState::Active));
    assert_eq!(state("bank-b").await, Some(CardState::Lost));
    assert_eq!(state("bank-c").await, None);
    engine.import_cards("bank-a", &line("stolen"));
    assert_eq!(state("bank-a").await, Some(CardState::Stolen));
    let other = store.card_token(secret("4000000000001091").pan().unwrap());
    for token in [other.as_str(), &other[1..], &other.to_uppercase(), ""] {
        assert!(store.card("bank-a", token).await.unwrap().is_none());
    }
}

pub(crate) async fn parts_of_a_notice_come_back_in_order<E: Engine>(engine: &E) {
    let store = engine.open();
    let mut last = notice(1, 1);
    last.answered = Some(OpStatus::SequenceBroken);
    last.broken = true;
    last.reply = Some(b"ORes".to_vec());
    for row in [notice(1, 0), last.clone(), notice(2, 0)] {
        assert_eq!(store.put_notice(row, 10).await, Ok(Committed::Durable));
    }
    drop(store);
    let store = engine.open();
    let sequence = notice(1, 0).part.id;
    assert_eq!(store.notice_parts("ds-a", sequence).await.unwrap(), [notice(1, 0), last]);
    assert!(store.notice_parts("ds-b", sequence).await.unwrap().is_empty());
}

pub(crate) async fn a_place_in_a_notice_is_taken_once<E: Engine>(engine: &E) {
    let store = engine.open();
    let attempts = (0..16_u8).map(|writer| {
        let mut row = notice(1, 0);
        row.digest = [writer; 16];
        store.put_notice(row, 10)
    });
    let outcomes = join_all(attempts).await;
    let won = outcomes.iter().filter(|outcome| **outcome == Ok(Committed::Durable)).count();
    assert_eq!((won, outcomes.len()), (1, 16), "{outcomes:?}");
    assert_eq!(store.notice_parts("ds-a", notice(1, 0).part.id).await.unwrap().len(), 1);
}

pub(crate) async fn the_oldest_parts_of_notices_go<E: Engine>(engine: &E) {
    let store = engine.open();
    for sequence in 1..=5 {
        assert_eq!(store.put_notice(notice(sequence, 0), 3).await, Ok(Committed::Durable));
    }
    let mut left = Vec::new();
    for sequence in 1..=5 {
        left.push(store.notice_parts("ds-a", notice(sequence, 0).part.id).await.unwrap().len());
    }
    assert_eq!(left, [0, 0, 1, 1, 1]);
}

pub(crate) async fn a_closed_store_says_so<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = insert_one(&*store).await;
    let last: Vec<_> = (0..50).map(|_| store.next_number()).collect();
    let waiting = join_all(last.iter().map(|number| store.commit(insert(row(*number)))));
    let (outcomes, closed) = tokio::join!(waiting, store.close());
    closed.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == Ok(Committed::Durable)));
    let late = store.commit(insert(row(store.next_number()))).await;
    assert_eq!(late, Err(StoreError::Closed));
    assert_eq!(store.transaction(number).await.unwrap_err(), StoreError::Closed);
    store.close().await.unwrap();
}

pub(crate) async fn unknown_things_are_not_found<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = TransactionNumber(77);
    assert!(store.transaction(number).await.unwrap().is_none());
    assert!(store.transaction(TransactionNumber(u64::MAX)).await.is_err());
    assert!(store.events(number).await.unwrap().is_empty());
    let token = store.card_token(secret("4000000000001000").pan().unwrap());
    assert!(store.card("bank-a", &token).await.unwrap().is_none());
    let mut missing = row(number);
    missing.revision = 1;
    assert_eq!(store.commit(replace(missing, 0)).await, Ok(Committed::Conflict));
}

fn consent(number: TransactionNumber, kind: ConsentKind, party: &str, given: bool) -> ConsentRow {
    ConsentRow {
        issuer_id: "bank-a".to_owned(),
        card: "card-1".to_owned(),
        transaction: number,
        consent: Consent::new(
            kind,
            party.to_owned(),
            "Shop".to_owned(),
            given,
            START.plus_seconds(u32::try_from(number.0).unwrap()),
        ),
    }
}

pub(crate) async fn consents_are_kept_with_the_unit_that_decided_them<E: Engine>(engine: &E) {
    let store = engine.open();
    let number = insert_one(&*store).await;
    let keep = |expected, consents| {
        let mut after = row(number);
        after.revision = expected + 1;
        Unit { consents, ..replace(after, expected) }
    };
    let trust = |given| consent(number, ConsentKind::TrustList, "shop-1", given);
    let device = consent(number, ConsentKind::DeviceBinding, "shop-1", true);
    commit(&*store, keep(0, vec![trust(false), device])).await;
    let lost = store.commit(keep(0, vec![trust(true)])).await.unwrap();
    assert_eq!(lost, Committed::Conflict);
    let given = |found: &[Consent], kind| {
        found.iter().find(|c| c.kind == kind && c.party == "shop-1").map(|c| c.given)
    };
    let found = store.consents("bank-a", "card-1").await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(given(&found, ConsentKind::TrustList), Some(false));
    commit(&*store, keep(1, vec![trust(true)])).await;
    commit(&*store, keep(2, vec![trust(false)])).await;
    drop(store);
    let store = engine.open();
    let found = store.consents("bank-a", "card-1").await.unwrap();
    assert_eq!(given(&found, ConsentKind::TrustList), Some(true), "an empty box takes nothing");
    assert_eq!(given(&found, ConsentKind::DeviceBinding), Some(true));
    assert_eq!(found[0].name, "Shop");
    assert!(store.consents("bank-b", "card-1").await.unwrap().is_empty());
    assert!(store.consents("bank-a", "card-2").await.unwrap().is_empty());
}

pub(crate) async fn a_card_keeps_a_bounded_number_of_consents<E: Engine>(engine: &E) {
    let store = engine.open();
    for n in 1..=120 {
        let number = TransactionNumber(n);
        let party = format!("shop-{n}");
        let consents = vec![consent(number, ConsentKind::TrustList, &party, n % 10 != 0)];
        commit(&*store, Unit { consents, ..Unit::default() }).await;
    }
    let found = store.consents("bank-a", "card-1").await.unwrap();
    assert_eq!(found.len(), 100);
    assert!(found.iter().all(|c| c.given), "refusals go first");
    assert!(found.iter().any(|c| c.party == "shop-119"));
    assert!(!found.iter().any(|c| c.party == "shop-1"), "then the oldest");
}
