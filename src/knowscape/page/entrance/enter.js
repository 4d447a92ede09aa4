/** Bring the token to the server, which answers with a cookie, and open the map. */

const field = document.getElementById("token");
const said = document.getElementById("said");

async function enter(token) {
  said.textContent = "";
  try {
    const answer = await fetch("/enter", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (answer.ok) location.replace("/");
    else said.textContent = (await answer.json()).error;
  } catch {
    said.textContent = "The server does not answer. See that it is still running.";
  }
}

function fromLink() {
  const token = location.hash.slice(1);
  if (location.pathname !== "/enter" || !token) return;
  // It must not stay in the address, from where it is easily copied to others.
  history.replaceState(null, "", location.pathname);
  void enter(token);
}

document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void enter(field.value.trim());
});
window.addEventListener("hashchange", fromLink);
fromLink();
