// The pages work without this; it keeps live parts fresh and saves some typing.
"use strict";

// Live parts: fetched again every two seconds, exchanged only when they changed.
for (const live of document.querySelectorAll("[data-live]")) {
  let last = null;
  const refresh = async () => {
    if (document.hidden) return;
    let answer;
    try {
      answer = await fetch(live.dataset.live, { redirect: "manual", cache: "no-store" });
    } catch {
      live.classList.add("away"); // the box is restarting, or the network is gone
      return;
    }
    if (answer.type === "opaqueredirect") return location.assign("/"); // signed out
    if (!answer.ok) return;
    live.classList.remove("away");
    const text = await answer.text();
    if (text === last) return;
    const first = last === null;
    last = text;
    const fresh = document.createRange().createContextualFragment(text);
    if (first && live.textContent.trim() === fresh.textContent.trim()) {
      const shown = live.querySelector("img")?.getAttribute("src");
      if (shown === fresh.querySelector("img")?.getAttribute("src")) return;
    }
    // Decoded before it is shown, so that the picture does not flicker.
    await Promise.all([...fresh.querySelectorAll("img")].map((img) => img.decode().catch(() => {})));
    live.replaceChildren(fresh);
  };
  setInterval(refresh, 2000);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

for (const label of document.querySelectorAll("[data-show-passwords]")) {
  label.hidden = false;
  label.querySelector("input").addEventListener("change", (event) => {
    for (const field of label.closest("form").querySelectorAll("[autocomplete=new-password]"))
      field.type = event.target.checked ? "text" : "password";
  });
}

// The time by the reader's own clock, until he types another.
for (const field of document.querySelectorAll("[data-now]")) {
  if (field.value) continue;
  const fill = () => (field.value = new Date().toISOString().slice(0, 19).replace("T", " "));
  fill();
  const timer = setInterval(fill, 1000);
  field.addEventListener("input", () => clearInterval(timer));
}

// On a phone the lit tab may be out of sight.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Times in the reader's own zone.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.valueOf())) {
    time.title = time.textContent;
    time.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  }
}
