// Runs before the first paint, so that the other colour scheme does not flash.
// A separate file, because the Content-Security-Policy of the page allows no inline script.
{
  const root = document.documentElement;
  try {
    const choice = localStorage.getItem("tasks.theme");
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
  } catch {
    // Storage may be forbidden. The system's colour scheme is then used.
  }
}
