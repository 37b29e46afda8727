// Filters and sorts the tables. Without it they are all there, whole.
(function () {
  "use strict";
  var slice = 200;

  function valueOf(cell) { return cell.hasAttribute("data-v") ? cell.getAttribute("data-v") : cell.textContent; }

  function sortKey(cell) { return cell.hasAttribute("data-s") ? Number(cell.getAttribute("data-s")) : cell.textContent; }

  var collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  function compare(a, b) {
    return typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b);
  }

  function grid(root) {
    var body = root.querySelector("tbody");
    var heads = Array.prototype.slice.call(root.querySelectorAll("thead th"));
    var rows = Array.prototype.map.call(body.rows, function (tr) { return { tr: tr, text: tr.textContent.toLowerCase() }; });
    var search = root.querySelector("[data-search]");
    var selects = Array.prototype.slice.call(root.querySelectorAll("select[data-column]"));
    var status = root.querySelector(".shown");
    var matching = rows;
    var drawn = 0;

    var more = document.createElement("button");
    more.type = "button";
    more.className = "more";
    root.querySelector(".scroll").appendChild(more);

    function tell() {
      var n = function (x) { return x.toLocaleString("en"); };
      var words = matching.length === rows.length ? n(rows.length) + " in all" : n(matching.length) + " of " + n(rows.length);
      status.textContent = words + (drawn < matching.length ? ", the first " + n(drawn) + " are shown" : "");
      more.hidden = drawn >= matching.length;
      more.textContent = "Show " + n(Math.min(slice, matching.length - drawn)) + " more";
    }

    function draw(upTo) {
      var part = document.createDocumentFragment();
      for (; drawn < Math.min(upTo, matching.length); drawn++) { part.appendChild(matching[drawn].tr); }
      body.appendChild(part);
      tell();
    }

    function redraw() {
      body.textContent = "";
      drawn = 0;
      draw(slice);
    }

    function filter() {
      var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      matching = rows.filter(function (row) {
        return words.every(function (w) { return row.text.indexOf(w) >= 0; }) &&
          selects.every(function (s) { return !s.value || valueOf(row.tr.cells[Number(s.dataset.column)]) === s.value; });
      });
      redraw();
    }

    function sort(column) {
      var direction = heads[column].getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach(function (th) { th.removeAttribute("aria-sort"); });
      heads[column].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      rows.forEach(function (row) { row.key = sortKey(row.tr.cells[column]); });
      rows.sort(function (a, b) { return direction * compare(a.key, b.key); });
      filter();
    }

    heads.forEach(function (th, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = th.textContent;
      button.addEventListener("click", function () { sort(column); });
      th.textContent = "";
      th.appendChild(button);
    });
    search.addEventListener("input", filter);
    selects.forEach(function (s) { s.addEventListener("change", filter); });
    more.addEventListener("click", function () {
      var next = drawn;
      draw(drawn + slice);
      var row = matching[next];
      if (row) { row.tr.tabIndex = -1; row.tr.focus({ preventScroll: true }); }
    });
    window.addEventListener("beforeprint", function () { draw(matching.length); });
    root.querySelector(".tools").hidden = false;
    redraw();
  }

  document.querySelectorAll("[data-grid]").forEach(grid);

  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details:not([open])").forEach(function (d) { d.open = true; d.dataset.closed = ""; });
  });
  window.addEventListener("afterprint", function () {
    document.querySelectorAll("details[data-closed]").forEach(function (d) { d.open = false; delete d.dataset.closed; });
  });
})();
