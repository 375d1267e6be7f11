// Pages that are opened as files may start no worker, which the search is: there, a hidden frame runs its script.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => setTimeout(() => this.onmessage?.({ data }));
      const script = inside.document.createElement("script");
      script.src = new URL(url, document.baseURI);
      script.onerror = () => this.onerror?.(new Event("error", { cancelable: true }));
      script.onload = () => {
        this.send = (data) => setTimeout(() => inside.onmessage?.({ data }));
        this.waiting.forEach((data) => this.send(data));
      };
      inside.document.body.append(script);
    }
    postMessage(data) {
      this.send ? this.send(data) : this.waiting.push(data);
    }
    terminate() {
      this.frame.remove();
    }
  };
}
