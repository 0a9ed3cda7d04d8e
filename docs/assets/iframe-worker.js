/* Search from disk: browsers start no worker from a file:// page, so the search worker runs in a hidden frame instead. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "";
      this.ready = new Promise(resolve => {
        frame.onload = () => {
          const inside = frame.contentWindow;
          inside.postMessage = data => {
            const event = new MessageEvent("message", { data });
            this.dispatchEvent(event);
            this.onmessage?.(event);
          };
          inside.importScripts = (...urls) =>
            urls.reduce((before, src) => before.then(() => load(inside, src)), Promise.resolve());
          load(inside, url).then(() => resolve(inside));
        };
      });
      this.frame = frame;
      document.body.append(frame);
    }
    postMessage(data) {
      this.ready.then(inside =>
        inside.dispatchEvent(new inside.MessageEvent("message", { data: structuredClone(data) })));
    }
    terminate() {
      this.frame.remove();
    }
  };

  function load(inside, src) {
    return new Promise((resolve, reject) => {
      const script = inside.document.createElement("script");
      script.src = new URL(src, document.baseURI);
      script.onload = resolve;
      script.onerror = reject;
      inside.document.body.append(script);
    });
  }
}
