//! The wizard and the pages of the board, as a browser would use them.

use anyhow::Result;
use tests::web::{self, Browser, Wishes};

/// From the claim code to a mail server; the password that the box made for the first phone.
pub fn set_up(base: &str, code: &str) -> Result<String> {
    let wishes = Wishes {
        code,
        admin_password: crate::ADMIN_PASSWORD,
        domain: crate::DOMAIN,
        local: "ada",
        password: crate::PASSWORD,
    };
    let (browser, _) = web::set_up(base, &wishes)?;
    browser.make_device("/accounts/1/devices", "phone")
}

/// As the admin.
pub fn power_off(base: &str) -> Result<()> {
    let browser = Browser::new(base)?;
    browser.sign_in("admin", crate::ADMIN_PASSWORD)?;
    browser.submit("/power-off", &[])?;
    Ok(())
}
