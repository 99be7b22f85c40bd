// Runs before the first paint, so that a stored choice does not flash the other scheme.
// A file of its own: the page's policy allows no inline script.
{
  const root = document.documentElement;
  try {
    const choice = localStorage.getItem("tasks.theme");
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
  } catch {
    // Storage may be forbidden; then the system's scheme holds.
  }
}
