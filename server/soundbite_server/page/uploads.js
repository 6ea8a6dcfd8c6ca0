// Files that are dropped or chosen, on their way into the library.

class Uploads {
  // `onSent(taskId, row)` is told the task that embeds a file.
  constructor(bridge, list, onSent) {
    this.bridge = bridge;
    this.list = list;
    this.onSent = onSent;
  }

  takeFiles(input) {
    input.addEventListener("change", () => {
      this.add([...input.files]);
      input.value = "";
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

  add(files) {
    for (const file of files) {
      const row = new Sending(file);
      this.list.append(row.node);
      // One after the other: what was dropped first can be searched first.
      this.sending = (this.sending || Promise.resolve()).then(() => this.send(file, row));
    }
    if (files.length) this.list.closest("details").open = true;
  }

  async send(file, row) {
    try {
      const asked = await this.bridge.callTool("embed_audio", { source: `upload:${file.name}` });
      const answer = (asked.content || []).map((block) => block.text || "").join(" ");
      const link = answer.match(/'(https?:[^']+\/uploads\/[^']+)'/);
      if (!link) throw new Error(answer || "The server takes no files.");
      const { source } = await posted(link[1], file, (fraction) => row.progressed(fraction));
      const task = await this.bridge.callTool("embed_audio", { source, wait_seconds: 0 });
      const { task_id, status, error } = task.structuredContent || {};
      if (task.isError || status === "failed") throw new Error(error || reasonOf(task));
      row.node.remove();
      await this.onSent(task_id, row);
    } catch (error) {
      row.failed(error.message);
    }
  }
}

// A file on its way to the server.
class Sending {
  constructor(file) {
    this.name = file.name;
    this.bar = element("progress", { max: 1, value: 0, "aria-label": `Sending ${file.name}` });
    this.state = element("span", { className: "facts" }, "waiting to be sent");
    this.node = element("li", {}, element("span", { className: "title" }, file.name), this.state, this.bar);
  }

  progressed(fraction) {
    this.bar.value = fraction;
    this.state.textContent = `sending ${Math.round(100 * fraction)} %`;
  }

  failed(why) {
    this.bar.remove();
    // Most sentences begin with the name, which stands above them.
    this.state.textContent = why.startsWith(`${this.name} `) ? why.slice(this.name.length + 1) : why;
    this.state.setAttribute("role", "alert");
    this.node.classList.add("is-failed");
    const dismiss = element("button", { type: "button", className: "more", "aria-label": `Dismiss ${this.name}` }, "Dismiss");
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
      const answer = request.response || {};
      if (request.status === 201) resolve(answer);
      else reject(new Error(answer.error || `The server answered with status ${request.status}.`));
    });
    request.addEventListener("error", () => reject(new Error("The connection broke off; drop the file again.")));
    request.send(file);
  });
}
