// After its connection was cut and is back, a page asks which version serves now, and says so if it was made by another one.
import { bus } from "./bus";
import { page } from "./page";

export function startVersion(): void {
  let wasCut = false;
  bus.addEventListener("state", async () => {
    if (bus.state === "cut") wasCut = true;
    else if (wasCut) {
      wasCut = false;
      const answer = await fetch("/version", { redirect: "error" }).catch(() => null);
      const version = answer?.ok ? await answer.text() : page.version;
      const banner = document.getElementById("version-banner");
      if (banner) banner.hidden = version === page.version;
    }
  });
}
