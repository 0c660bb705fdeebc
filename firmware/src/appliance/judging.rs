//! Judging as its pages see it.

use super::{Appliance, fault};
use crate::blocking::blocking;
use crate::house::House;
use crate::judge::admin;
use crate::judge::explain::{self, Explanation};
use crate::judge::rules::Judging;
use crate::limits::judge::PAGE;
use web_setup::{Fault, JudgedMail, JudgedRow, Knob, ReasonRow};

pub(super) fn knobs(house: &House) -> Result<Vec<Knob>, Fault> {
    let snapshot = house.store.snapshot().map_err(fault)?;
    let judging = Judging::read(&snapshot).map_err(fault)?;
    let knobs = judging.table().into_iter().map(|knob| Knob {
        name: knob.name.to_owned(),
        what: knob.what.to_owned(),
        value: knob.value,
    });
    Ok(knobs.collect())
}

pub(super) async fn set(house: &House, values: &[(String, String)]) -> Result<(), Fault> {
    Ok(admin::set_judging(house, values).await?)
}

pub(super) async fn latest(house: &House) -> Result<Vec<JudgedRow>, Fault> {
    house.ledger.flush().await;
    let snapshot = house.store.snapshot().map_err(fault)?;
    let latest = blocking(|| explain::latest(&snapshot, PAGE)).map_err(fault)?;
    Ok(latest.iter().map(row).collect())
}

pub(super) async fn explanation(house: &House, id: String) -> Result<JudgedMail, Fault> {
    house.ledger.flush().await;
    let snapshot = house.store.snapshot().map_err(fault)?;
    let found = blocking(|| explain::find(&snapshot, &id)).map_err(fault)?;
    let told = found.ok_or(Fault::Gone)?;
    let reasons = told.verdict.reasons.iter().map(|reason| ReasonRow {
        points: reason.points.to_string(),
        words: reason.words.clone(),
    });
    Ok(JudgedMail {
        row: row(&told),
        ip: told.ip.to_string(),
        helo: told.helo.clone(),
        because: told.verdict.because.clone(),
        junk_at: told.verdict.junk_at.to_string(),
        reasons: reasons.collect(),
    })
}

fn row(told: &Explanation) -> JudgedRow {
    let to: Vec<String> = told.to.iter().map(ToString::to_string).collect();
    JudgedRow {
        id: told.id.clone(),
        at: told.at,
        from: told.sender(),
        to: to.join(", "),
        place: told.place().to_owned(),
        points: told.verdict.points.to_string(),
    }
}

impl web_setup::JudgeRoom for Appliance {
    async fn judging(&self) -> Result<Vec<web_setup::Knob>, Fault> {
        knobs(self.house())
    }

    async fn set_judging(&self, values: Vec<(String, String)>) -> Result<(), Fault> {
        set(self.house(), &values).await
    }

    async fn judged(&self) -> Result<Vec<web_setup::JudgedRow>, Fault> {
        latest(self.house()).await
    }

    async fn explanation(&self, id: String) -> Result<web_setup::JudgedMail, Fault> {
        explanation(self.house(), id).await
    }
}
