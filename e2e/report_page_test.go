package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium in which one page is open.
type browser struct {
	t    *testing.T
	ctx  context.Context
	mu   sync.Mutex
	said []string // errors, violations of the page's policy, and requests
}

// openPage opens a page of the report's golden files, or any other text.
func openPage(t *testing.T, path string, actions ...chromedp.Action) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1280, 1600), chromedp.UserDataDir(profile(t)))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	ctx, late := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(late)
	b := &browser{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, b.listen)
	address := (&url.URL{Scheme: "file", Path: path}).String()
	before := append([]chromedp.Action{network.Enable(), log.Enable()}, actions...)
	b.do(append(before, chromedp.Navigate(address))...)
	return b
}

// profile returns a folder for a browser, some of whose processes write to it after
// the browser has ended: what then cannot be removed fails no test.
func profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hallmark-browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Type != network.ResourceTypeDocument || !strings.HasPrefix(e.Request.URL, "file://") {
			b.said = append(b.said, "request of "+e.Request.URL)
		}
	case *log.EventEntryAdded:
		b.said = append(b.said, e.Entry.Text)
	case *runtime.EventExceptionThrown:
		b.said = append(b.said, e.ExceptionDetails.Error())
	case *page.EventJavascriptDialogOpening:
		b.said = append(b.said, "dialog: "+e.Message)
	}
}

func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// text evaluates an expression that is a string.
func (b *browser) text(expression string) string {
	b.t.Helper()
	var out string
	b.do(chromedp.Evaluate(expression, &out))
	return out
}

// quiet checks that nothing failed, was refused or was asked for elsewhere.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.said) > 0 {
		b.t.Errorf("the browser says: %.2000q", b.said)
	}
}

// screenshot keeps a picture below .cache/e2e.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	var picture []byte
	b.do(chromedp.FullScreenshot(&picture, 100))
	keep(b.t, name+".png", picture)
}

func keep(t *testing.T, name string, content []byte) {
	t.Helper()
	dir := filepath.Join("..", ".cache", "e2e")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func goldenPage(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "internal", "report", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Cells of a table, as a person sees them.
const (
	severities = `Array.from(document.querySelectorAll("table.findings tbody tr")).map(r => r.cells[0].innerText.trim()).join(" ")`
	ids        = `Array.from(document.querySelectorAll("table.findings tbody tr")).map(r => r.cells[1].innerText.split("\n")[0]).join(" ")`
	shown      = `document.querySelector("[data-grid=findings] .shown").innerText`
	directions = `Array.from(document.querySelectorAll("table.findings thead th")).map(h => h.getAttribute("aria-sort") || "-").join(" ")`
)

func TestThePageFiltersAndSorts(t *testing.T) {
	b := openPage(t, goldenPage(t, "denied.html"))
	if got := b.text(shown); got != "16 in all" {
		t.Errorf("at first: %q", got)
	}
	b.do(chromedp.SendKeys(`[data-grid=findings] [data-search]`, "lodash high"))
	if got := b.text(ids); got != "GHSA-aaaa-bbbb-cccc" || b.text(shown) != "1 of 16" {
		t.Errorf("searched: %q, %q", got, b.text(shown))
	}
	b.do(chromedp.Evaluate(`{ const s = document.querySelector("[data-grid=findings] [data-search]"); s.value = ""; s.dispatchEvent(new Event("input")) }`, nil))
	choose := func(column, value string) chromedp.Action {
		return chromedp.Evaluate(fmt.Sprintf(`{ const s = document.querySelector("[data-grid=findings] select[data-column='%s']"); s.value = %q; s.dispatchEvent(new Event("change")) }`, column, value), nil)
	}
	b.do(choose("0", "critical"), choose("5", "counts"))
	if got := b.text(ids); got != "CVE-2026-0001" {
		t.Errorf("critical ones that count: %q", got)
	}
	b.do(choose("0", ""), choose("5", ""), choose("4", "yes"))
	if got := b.text(ids); got != "CVE-2026-0001 GHSA-aaaa-bbbb-cccc CVE-2026-0006" {
		t.Errorf("those with a fix: %q", got)
	}
	b.do(chromedp.Click(`table.findings thead th:nth-child(1) button`))
	if got := b.text(severities); got != "high high critical" || !strings.HasPrefix(b.text(directions), "ascending - ") {
		t.Errorf("sorted: %q, %q", got, b.text(directions))
	}
	// The same by keyboard.
	b.do(chromedp.Focus(`table.findings thead th:nth-child(1) button`), chromedp.KeyEvent("\r"))
	if got := b.text(severities); got != "critical high high" || !strings.HasPrefix(b.text(directions), "descending - ") {
		t.Errorf("sorted by keyboard: %q, %q", got, b.text(directions))
	}
	b.screenshot("report-filtered")
	b.quiet()
}

func TestThePageInItsForms(t *testing.T) {
	dark := emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}})
	phone := emulation.SetDeviceMetricsOverride(390, 844, 2, true)
	for name, action := range map[string]chromedp.Action{
		"light": emulation.SetEmulatedMedia(), "dark": dark, "phone": phone, "print": emulation.SetEmulatedMedia().WithMedia("print"),
	} {
		t.Run(name, func(t *testing.T) {
			b := openPage(t, goldenPage(t, "index.html"), action)
			if over := b.text(`String(document.documentElement.scrollWidth - document.documentElement.clientWidth)`); over != "0" && name != "print" {
				t.Errorf("the page is %s pixels wider than its window", over)
			}
			b.screenshot("report-" + name)
			b.quiet()
		})
	}
}

// Without scripts all rows are there, and no tool that would do nothing.
func TestThePageWithoutScripts(t *testing.T) {
	b := openPage(t, goldenPage(t, "denied.html"), emulation.SetScriptExecutionDisabled(true))
	var rows, tools int
	b.do(chromedp.Evaluate(`document.querySelectorAll("table.findings tbody tr").length`, &rows),
		chromedp.Evaluate(`Array.from(document.querySelectorAll(".tools")).filter(e => e.offsetHeight > 0).length`, &tools))
	if rows != 16 || tools != 0 {
		t.Errorf("%d rows, %d tools", rows, tools)
	}
	b.quiet()
}

func TestThePageIsPrintedWhole(t *testing.T) {
	b := openPage(t, goldenPage(t, "denied.html"))
	var printed []byte
	b.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		printed, _, err = page.PrintToPDF().WithPrintBackground(false).Do(ctx)
		return err
	}))
	keep(t, "report.pdf", printed)
	if open := b.text(`getComputedStyle(document.querySelector(".sections")).position`); open != "sticky" {
		t.Errorf("after printing the page is as before: %q", open)
	}
	b.quiet()
}

// Names that are scripts are text, and nothing is asked of anybody for them.
func TestNoScriptOfTheImageRuns(t *testing.T) {
	b := openPage(t, goldenPage(t, "hostile.html"))
	b.do(chromedp.Evaluate(`document.querySelectorAll("summary, tr, td, th, a").forEach(e => e.dispatchEvent(new MouseEvent("mouseover", {bubbles: true})))`, nil))
	if got := b.text(`document.title`); !strings.HasPrefix(got, "Denied: ") {
		t.Errorf("the title is %q", got)
	}
	if n := b.text(`String(document.querySelectorAll("img, iframe, object, script").length)`); n != "1" {
		t.Errorf("%s elements that load or run, and the page's own script is one", n)
	}
	b.screenshot("report-hostile")
	b.quiet()
}

// Were something not escaped, the page's policy would still refuse to run it, and
// these tests would see that.
func TestWhatThePolicyRefusesIsSeen(t *testing.T) {
	content, err := os.ReadFile(goldenPage(t, "passed.html"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "broken.html")
	broken := strings.Replace(string(content), "<main", `<script>document.title="owned"</script><main`, 1)
	if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openPage(t, path)
	if got := b.text(`document.title`); got == "owned" {
		t.Error("the script ran")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if said := strings.Join(b.said, "; "); !strings.Contains(said, "Content Security Policy") {
		t.Errorf("the browser says %q", said)
	}
}

// Ten thousand findings are drawn a part at a time, and can be searched.
func TestALargePageIsUsable(t *testing.T) {
	content, err := os.ReadFile(goldenPage(t, "denied.html"))
	if err != nil {
		t.Fatal(err)
	}
	const first = `<tr><td data-v="medium"`
	head, rest, ok := strings.Cut(string(content), first)
	row, tail, also := strings.Cut(rest, "</tr>")
	if !ok || !also {
		t.Fatal("the page has no finding of medium severity")
	}
	var large strings.Builder
	large.WriteString(head)
	for i := range 10_000 {
		large.WriteString(first + strings.ReplaceAll(row, "CVE-2025-0000", fmt.Sprintf("CVE-2024-%05d", i)) + "</tr>")
	}
	large.WriteString(tail)
	path := filepath.Join(t.TempDir(), "large.html")
	if err := os.WriteFile(path, []byte(large.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	b := openPage(t, path)
	if got := b.text(shown); got != "10,015 in all, the first 200 are shown" {
		t.Errorf("at first: %q", got)
	}
	t.Logf("opened in %s", time.Since(started).Round(time.Millisecond))
	started = time.Now()
	b.do(chromedp.SendKeys(`[data-grid=findings] [data-search]`, "CVE-2024-09999"))
	if got := b.text(ids); got != "CVE-2024-09999" {
		t.Errorf("searched: %.200q", got)
	}
	t.Logf("searched by fourteen keys in %s", time.Since(started).Round(time.Millisecond))
	b.do(chromedp.Evaluate(`{ const s = document.querySelector("[data-grid=findings] [data-search]"); s.value = ""; s.dispatchEvent(new Event("input")) }`, nil),
		chromedp.Click(`[data-grid=findings] .more`))
	if got := b.text(shown); got != "10,015 in all, the first 400 are shown" {
		t.Errorf("after one more part: %q", got)
	}
	b.screenshot("report-large")
	b.quiet()
}
