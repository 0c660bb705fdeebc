use crate::desk_state::Desk;
use proto::types::Timestamp;
use web_setup::Fault;

impl web_setup::EventsRoom for Desk {
    async fn events(
        &self,
        filter: web_setup::EventFilter,
        before: Option<u64>,
        _limit: usize,
    ) -> Result<web_setup::Events, Fault> {
        let row = web_setup::EventRow {
            at: Timestamp(1_764_000_000),
            kind: "unfrozen".to_owned(),
            account: Some("ann@example.com".to_owned()),
            words: "=given back by <b>chief".to_owned(),
        };
        let none = filter.kind == "frozen" || before.is_some();
        Ok(web_setup::Events {
            rows: if none { Vec::new() } else { vec![row] },
            older: (!none).then_some(7),
        })
    }
}
