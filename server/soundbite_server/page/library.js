// The library beside the search: what is in it, what is being embedded, and files dropped to be added.

const PAGE_LIMIT = 50;
const FIND_FROM = 12;
const LOOK_EVERY_MS = 2000;
const LOOKED_AT = 3;
const TYPING_MS = 350;

class Library {
  // `onScope(asset)` is told which recording the search is to be limited to, or null; `onChange()` that the list changed.
  constructor(bridge, onScope, onChange) {
    this.bridge = bridge;
    this.onScope = onScope;
    this.onChange = onChange;
    this.part = (id) => document.getElementById(`library-${id}`);
    this.page = 1;
    this.scope = "";
    this.entries = new Map();
    this.begun = new Map();
    document.querySelector("#library details").open = matchMedia("(min-width: 60rem)").matches;
    this.part("more").addEventListener("click", () => this.load(this.page + 1));
    this.part("find").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.load(), TYPING_MS);
    });
  }

  async start() {
    const tools = await this.bridge.listTools();
    if (tools.includes("embed_audio") && !this.canAdd) this.takeFiles();
    await this.load();
  }

  takeFiles() {
    this.canAdd = true;
    this.part("add").hidden = this.part("hint").hidden = false;
    this.part("files").addEventListener("change", () => {
      this.add([...this.part("files").files]);
      this.part("files").value = "";
    });
    // A browser opens a file that is dropped where nobody takes it.
    const root = document.documentElement;
    for (const name of ["dragover", "dragleave", "drop"]) {
      root.addEventListener(name, (event) => {
        if (!event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return;
        event.preventDefault();
        root.classList.toggle("is-dropping", name === "dragover");
        if (name === "drop") this.add([...event.dataTransfer.files]);
      });
    }
  }

  async load(page = 1) {
    const title = this.part("find").value.trim();
    const listed = await this.bridge.callTool("list_audio", { title, page, page_limit: PAGE_LIMIT });
    if (listed.isError) throw new Error(reasonOf(listed));
    const { assets, total_assets, total_seconds } = listed.structuredContent;
    if (page === 1) this.entries.clear();
    this.page = page;
    for (const asset of assets) this.entries.set(asset.asset_id, new Entry(asset, () => this.choose(asset)));
    this.part("list").replaceChildren(...[...this.entries.values()].map((each) => each.node));
    this.part("more").hidden = this.entries.size >= total_assets;
    if (!title) {
      const count = `${total_assets} ${total_assets === 1 ? "recording" : "recordings"}`;
      this.part("count").textContent = total_assets ? `${count}, ${clock(Math.ceil(total_seconds))}` : "nothing yet";
      this.part("find").hidden = total_assets < FIND_FROM;
      this.nothing = this.entries.size < total_assets ? null : this.whyNothing();
    }
    this.mark();
    this.watch();
    this.onChange();
    await this.sayFailed(assets.filter((asset) => asset.status === "failed"));
  }

  // Why there is nothing to search, in words for a person; null where there is something.
  whyNothing() {
    const standing = [...this.entries.values()].map((entry) => entry.asset.status);
    if (standing.includes("ready")) return null;
    if (standing.includes("processing")) {
      return ["Nothing to search yet", "The first recordings are being embedded; the library shows how far they are."];
    }
    const how = this.canAdd ? "Add recordings with the button, or drop files anywhere on this page." : "Nothing was added to it yet.";
    return ["The library is empty", how];
  }

  async sayFailed(assets) {
    for (const { asset_id, task_id } of assets.slice(0, LOOKED_AT)) {
      const said = (await this.bridge.callTool("get_task", { task_id })).structuredContent;
      const entry = this.entries.get(asset_id);
      if (said && entry) entry.failed(said.error);
    }
  }

  choose(asset) {
    this.scope = this.scope === asset.asset_id ? "" : asset.asset_id;
    this.mark();
    this.onScope(this.scope ? asset : null);
  }

  mark() {
    for (const [assetId, entry] of this.entries) entry.pressed(assetId === this.scope);
  }

  // Looks at what is being embedded until all of it is done.
  watch() {
    clearTimeout(this.looking);
    const underWay = [...this.entries.values()].filter((each) => each.asset.status === "processing");
    const tasks = new Set([...this.begun.keys(), ...underWay.map((each) => each.asset.task_id)]);
    if (tasks.size) this.looking = setTimeout(() => this.look([...tasks].slice(0, LOOKED_AT)), LOOK_EVERY_MS);
  }

  async look(taskIds) {
    let isChanged = false;
    try {
      for (const task_id of taskIds) {
        const task = (await this.bridge.callTool("get_task", { task_id })).structuredContent;
        if (task && task.status === "processing") {
          const entry = this.entries.get(task.asset_id);
          if (entry) entry.progressed(task);
          continue;
        }
        isChanged = true;
        if (task && task.status === "failed") this.failed(task, this.begun.get(task_id));
        this.begun.delete(task_id);
      }
      if (isChanged) return await this.load();
    } catch {
      // The server is away for a moment, or counts calls: look again.
    }
    return this.watch();
  }

  // A file that could not be read is no recording, so the row it was sent in says why.
  failed({ asset_id, error }, row) {
    const entry = this.entries.get(asset_id);
    if (row) {
      this.part("sent").append(row.node);
      row.failed(error);
    } else if (entry) entry.failed(error);
  }

  add(files) {
    for (const file of files) {
      const row = new Sending(file);
      this.part("sent").append(row.node);
      // One after the other: what was dropped first can be searched first.
      this.sending = (this.sending || Promise.resolve()).then(() => this.send(file, row));
    }
    if (files.length) document.querySelector("#library details").open = true;
  }

  async send(file, row) {
    try {
      const asked = await this.bridge.callTool("embed_audio", { source: `upload:${file.name}` });
      const said = (asked.content || []).map((block) => block.text || "").join(" ");
      const link = said.match(/'(https?:[^']+\/uploads\/[^']+)'/);
      if (!link) throw new Error(said || "The server takes no files.");
      const { source } = await posted(link[1], file, (fraction) => row.progressed(fraction));
      const task = await this.bridge.callTool("embed_audio", { source, wait_seconds: 0 });
      const { task_id, status, error } = task.structuredContent || {};
      if (task.isError || status === "failed") throw new Error(error || reasonOf(task));
      row.node.remove();
      this.begun.set(task_id, row);
      await this.load();
    } catch (error) {
      row.failed(error.message);
    }
  }
}

// A recording in the list: a switch that limits the search to it, and how far its embedding is.
class Entry {
  constructor(asset, choose) {
    this.asset = asset;
    const clips = asset.clip_count ? `${asset.clip_count} ${asset.clip_count === 1 ? "clip" : "clips"}` : "";
    this.facts = element("span", { className: "facts" }, [asset.length, clips].filter(Boolean).join(", "));
    this.button = element("button", { type: "button", className: "entry", title: `Search only in ${asset.title}` },
      element("span", { className: "title" }, asset.title), this.facts);
    this.button.addEventListener("click", choose);
    this.node = element("li", {}, this.button);
    if (asset.status === "processing") this.progressed({ progress: 0, stage: "waiting" });
    this.node.classList.toggle("is-failed", asset.status === "failed");
    this.button.disabled = asset.status !== "ready";
  }

  failed(why) {
    this.facts.textContent = `failed: ${why || "see `soundbite tasks`"}`;
    this.facts.setAttribute("role", "alert");
  }

  pressed(isPressed) {
    this.button.setAttribute("aria-pressed", String(isPressed));
  }

  progressed({ progress = 0, stage = "" }) {
    if (!this.bar) {
      this.bar = element("progress", { max: 1 });
      this.bar.setAttribute("aria-label", `Embedding ${this.asset.title}`);
      this.node.append(this.bar);
    }
    this.bar.value = progress;
    this.facts.textContent = `${stage || "embedding"} ${Math.round(100 * progress)} %`;
  }
}

// A file on its way to the server.
class Sending {
  constructor(file) {
    this.name = file.name;
    this.bar = element("progress", { max: 1, value: 0 });
    this.bar.setAttribute("aria-label", `Sending ${file.name}`);
    this.said = element("span", { className: "facts" }, "waiting to be sent");
    this.node = element("li", {}, element("span", { className: "title" }, file.name), this.said, this.bar);
  }

  progressed(fraction) {
    this.bar.value = fraction;
    this.said.textContent = `sending ${Math.round(100 * fraction)} %`;
  }

  failed(why) {
    this.bar.remove();
    // Most sentences begin with the name, which stands above them.
    this.said.textContent = why.startsWith(`${this.name} `) ? why.slice(this.name.length + 1) : why;
    this.said.setAttribute("role", "alert");
    this.node.classList.add("is-failed");
    const dismiss = element("button", { type: "button", className: "more" }, "Dismiss");
    dismiss.setAttribute("aria-label", `Dismiss ${this.name}`);
    dismiss.addEventListener("click", () => this.node.remove());
    this.node.append(dismiss);
  }
}

// fetch says nothing of how much is sent.
function posted(url, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total ? loaded / total : 0));
    request.addEventListener("load", () => {
      const said = request.response || {};
      if (request.status === 201) resolve(said);
      else reject(new Error(said.error || `The server answered with status ${request.status}.`));
    });
    request.addEventListener("error", () => reject(new Error("The connection broke off; drop the file again.")));
    request.send(file);
  });
}
