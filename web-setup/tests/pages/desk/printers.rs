use crate::desk_state::Desk;
use proto::types::{AccountId, Address};
use web_setup::{Fault, Printer, PrinterDeed, PrinterTerms, PrinterWish, Printers};

impl web_setup::PrintersRoom for Desk {
    async fn printers(&self) -> Result<Printers, Fault> {
        Ok(self.lock().printers.clone())
    }

    async fn allow_printer(&self, wish: PrinterWish) -> Result<(), Fault> {
        let Ok(ip) = wish.ip.parse() else {
            return Err(Fault::Refused("That is no address.".to_owned()));
        };
        let mut inner = self.change("allow printer");
        inner.printers.tried.retain(|tried| tried.ip != ip);
        inner.printers.list.push(Printer {
            id: AccountId(1),
            name: wish.name,
            ip,
            from: Address::parse(&wish.from).unwrap(),
            limit: wish.limit.unwrap_or(30),
            here_only: wish.here_only,
            state: "active",
            until: None,
            sent: 3,
            used: None,
            held: 0,
        });
        Ok(())
    }

    async fn set_printer(&self, id: AccountId, terms: PrinterTerms) -> Result<(), Fault> {
        if id != AccountId(1) {
            return Err(Fault::Gone);
        }
        if terms.limit > 1000 {
            return Err(Fault::Refused("That is too much.".to_owned()));
        }
        let mut inner = self.change("set printer");
        for printer in &mut inner.printers.list {
            printer.name.clone_from(&terms.name);
            (printer.limit, printer.here_only) = (terms.limit, terms.here_only);
        }
        Ok(())
    }

    async fn act_on_printer(&self, id: AccountId, deed: PrinterDeed) -> Result<(), Fault> {
        if id != AccountId(1) {
            return Err(Fault::Gone);
        }
        let held = self.lock().printers.list.iter().any(|printer| printer.held > 0);
        if deed == PrinterDeed::Remove && held {
            return Err(Fault::Refused("Mail of this device is held.".to_owned()));
        }
        let mut inner = self.change("act on printer");
        for printer in &mut inner.printers.list {
            printer.state = if deed == PrinterDeed::Pause {
                "paused"
            } else {
                "active"
            };
        }
        Ok(())
    }
}
