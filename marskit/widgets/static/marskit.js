// Draws pictures that come as HTML, keeps the page's nodes where it can, and tells what a person does.
const ACKNOWLEDGE_EVERY = 5, ACKNOWLEDGE_MS = 1000, HERE_MS = 15000, STALE_MS = 3000, ANSWER_MS = 500;
const ACTS = "[data-do], [data-node], [data-phase], [data-option], [data-close], [data-bar]";
const HOP = 0.01;

function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) { from.replaceWith(to); return; }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  for (const { name, value } of [...to.attributes]) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
  const old = [...from.childNodes], now = [...to.childNodes];
  now.forEach((node, i) => (i < old.length ? morph(old[i], node) : from.append(node)));
  old.slice(now.length).forEach((node) => node.remove());
}

function render({ model, el }) {
  const root = document.createElement("div"), said = document.createElement("div"), body = document.createElement("div");
  root.className = `marskit marskit-${model.get("kind")}`;
  said.className = "marskit-said";
  said.setAttribute("role", "status");
  root.append(said, body);
  el.append(root);
  let due = false, dirty = false, inView = true, told = 0, toldAt = 0, newsAt = performance.now(), asked = null, did = 0;

  const say = (words) => { if (said.textContent !== words) said.textContent = words; };
  const paint = () => {
    due = dirty = false;
    const template = document.createElement("div");
    template.innerHTML = model.get("view").html ?? "";
    morph(body, template);
    root.dataset.draws = Number(root.dataset.draws ?? 0) + 1;
  };
  const wake = () => {
    if (!dirty || due || document.hidden || !inView) return;
    due = true;
    requestAnimationFrame(paint);
  };
  const news = () => { newsAt = performance.now(); if (!asked) say(""); root.classList.remove("marskit-stale"); };
  const changed = () => {
    news();
    dirty = true;
    const { number } = model.get("view"), now = performance.now();
    if (number - told >= ACKNOWLEDGE_EVERY || now - toldAt > ACKNOWLEDGE_MS) { told = number; toldAt = now; model.send({ seen: number }); }
    wake();
  };
  const custom = (message) => {
    news();
    if (message.got !== undefined && message.got === asked) { asked = null; say(""); }
  };
  const act = (target, at) => {
    const { do: wish, node, phase, option, close } = target.dataset;
    asked = ++did;
    const mine = asked;
    model.send({ did, do: wish, node, phase, option, close, at });
    setTimeout(() => { if (asked === mine) say(model.get("words").waits); }, ANSWER_MS);
  };
  const along = (bar, x) => { const { left, width } = bar.firstElementChild.getBoundingClientRect(); return (x - left) / width; };
  const click = (event) => {
    const target = event.target.closest(ACTS);
    if (target) act(target, "bar" in target.dataset ? along(target, event.clientX) : undefined);
  };
  const key = (event) => {
    const target = event.target.closest(ACTS);
    const hop = { ArrowLeft: -HOP, ArrowRight: HOP }[event.key];
    if (target && "bar" in target.dataset && hop) {
      event.preventDefault();
      act(target, Number(target.getAttribute("aria-valuenow")) + hop);
      return;
    }
    if (!target || "bar" in target.dataset || target.tagName === "BUTTON" || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    act(target);
  };
  // Shortcuts of the notebook must not see what is meant for a panel.
  const own = (event) => { if (event.target.closest(ACTS)) event.stopPropagation(); };
  const watch = setInterval(() => {
    if (performance.now() - newsAt > STALE_MS && !document.hidden) { say(model.get("words").stale); root.classList.add("marskit-stale"); }
  }, 1000);
  const here = setInterval(() => model.send({ here: true }), HERE_MS);
  const observer = new IntersectionObserver(([entry]) => { inView = entry.isIntersecting; wake(); });
  const shown = () => { if (!document.hidden) newsAt = performance.now(); wake(); };

  body.addEventListener("click", click);
  body.addEventListener("keydown", key);
  root.addEventListener("keydown", own);
  document.addEventListener("visibilitychange", shown);
  observer.observe(root);
  model.on("change:view", changed);
  model.on("msg:custom", custom);
  paint();
  model.send({ here: true });
  return () => {
    clearInterval(watch);
    clearInterval(here);
    observer.disconnect();
    document.removeEventListener("visibilitychange", shown);
    model.off("change:view", changed);
    model.off("msg:custom", custom);
  };
}

export default { render };
