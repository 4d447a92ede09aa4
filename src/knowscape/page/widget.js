/** The map in a cell of a notebook: a frame that can reach neither the notebook nor the network. */

function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.title = "Knowledge map";
  // Without allow-same-origin the frame has no origin: it sees no cookie, storage or document of the notebook.
  frame.setAttribute("sandbox", "allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox");
  frame.style.cssText = `display: block; width: 100%; height: ${Number(model.get("height"))}px; border: 0`;
  frame.srcdoc = model.get("page");
  const hear = ({ source, data }) => {
    if (source !== frame.contentWindow || data?.knowscape !== "selected" || !Array.isArray(data.rows)) return;
    model.set("rows", data.rows.filter(Number.isInteger));
    model.save_changes();
  };
  window.addEventListener("message", hear);
  el.append(frame);
  return () => window.removeEventListener("message", hear);
}

export default { render };
