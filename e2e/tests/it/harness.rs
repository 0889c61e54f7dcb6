//! The stage itself.

use e2e::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_starts_stops_and_starts_again_with_its_data() {
    let stage = Stage::set("harness").await;
    stage.acs.stop().await.unwrap();
    stage.acs.start().await.unwrap();
    stage.acs.kill_9();
    stage.acs.start().await.unwrap();
    assert_eq!(stage.acs.metric("no_such_metric", &[]).await.unwrap(), 0.0);
}
