use crate::desk_state::Desk;
use web_setup::{Fault, JudgedMail, JudgedRow, Knob};

impl web_setup::JudgeRoom for Desk {
    async fn judging(&self) -> Result<Vec<Knob>, Fault> {
        Ok(self.lock().knobs.clone())
    }

    async fn set_judging(&self, values: Vec<(String, String)>) -> Result<(), Fault> {
        if values.iter().any(|(_, value)| value == "nonsense") {
            return Err(Fault::Refused("`nonsense` is no number of points.".to_owned()));
        }
        let mut inner = self.change("judging");
        for knob in &mut inner.knobs {
            if let Some((_, value)) = values.iter().find(|(name, _)| *name == knob.name) {
                knob.value.clone_from(value);
            }
        }
        Ok(())
    }

    async fn judged(&self) -> Result<Vec<JudgedRow>, Fault> {
        Ok(self.lock().judged.iter().map(|mail| mail.row.clone()).collect())
    }

    async fn explanation(&self, id: String) -> Result<JudgedMail, Fault> {
        let judged = self.lock().judged.clone();
        judged
            .into_iter()
            .find(|mail| mail.row.id == id)
            .ok_or(Fault::Gone)
    }
}
