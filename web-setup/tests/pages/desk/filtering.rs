use crate::desk_state::Desk;
use proto::types::Timestamp;
use web_setup::{Fault, FilterWish, JunkMail, SenderRow, SenderWish};

impl web_setup::FilterRoom for Desk {
    async fn junk_mail(&self) -> Result<JunkMail, Fault> {
        Ok(self.lock().junk.clone())
    }

    async fn set_filtering(&self, wish: FilterWish) -> Result<(), Fault> {
        if wish.minutes == "999" {
            return Err(Fault::Refused(
                "Let nobody wait for more than 6 hours.".to_owned(),
            ));
        }
        self.change("filtering").junk.set = wish;
        Ok(())
    }

    async fn forget_learnt(&self) -> Result<(), Fault> {
        let junk = &mut self.change("forget").junk;
        (junk.spam, junk.ham) = (0, 0);
        Ok(())
    }

    async fn put_sender(&self, wish: SenderWish) -> Result<(), Fault> {
        if wish.who == "nonsense" {
            return Err(Fault::Refused("Name an address or a domain.".to_owned()));
        }
        self.change("put_sender").junk.senders.push(SenderRow {
            allow: wish.allow,
            who: wish.who,
            note: wish.note,
            until: wish
                .days
                .map(|days| Timestamp(2_000_000_000 + i64::from(days) * 86_400)),
        });
        Ok(())
    }

    async fn remove_sender(&self, who: String) -> Result<(), Fault> {
        self.change("remove_sender")
            .junk
            .senders
            .retain(|row| row.who != who);
        Ok(())
    }
}
