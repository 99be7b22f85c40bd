import { fetchWithToken, isLoggedIn, login, logout } from "./auth.js";

const form = document.querySelector("form");
const message = document.querySelector("[role=status]");
const secret = document.querySelector("section");

async function show() {
  let text = "";
  if (isLoggedIn()) {
    const response = await fetchWithToken("/protected");
    const body = await response.json();
    if (response.ok) document.querySelector("output").textContent = `${body.username}, number ${body.id}`;
    else text = body.msg;
  }
  form.hidden = isLoggedIn();
  secret.hidden = !isLoggedIn();
  return text;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  message.textContent = "";
  try {
    await login(form.elements.username.value, form.elements.password.value);
    form.reset();
    message.textContent = await show();
  } catch (error) {
    message.textContent = error.message;
  }
});

document.querySelector("#logout").addEventListener("click", () => {
  logout();
  message.textContent = "Logged out";
  void show();
});

message.textContent = await show();
