package browser

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

//go:embed testdata/axe.min.js
var axe string

// chromium returns the browser's path. Where there is none the test is skipped, but never in CI.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no chromium found, and CI is set: browser tests must run there")
	}
	t.Skip("no chromium found: install it to run the browser tests (apt-get install chromium)")
	return ""
}

// browser is one tab with what it complained about.
type browser struct {
	t    testing.TB
	ctx  context.Context
	base string
	mu   sync.Mutex
	said []string
}

// browse opens a tab on the world's pages.
func browse(t testing.TB, w *world) *browser {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1360, 1000))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 12*time.Minute)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, base: w.srv.URL}
	b.do(chromedp.Navigate(b.base + "/login"))
	go func() {
		for m, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleWarning {
				b.mu.Lock()
				b.said = append(b.said, fmt.Sprintf("%s: %s (%s:%d)", m.Type, m.Text, m.URL, m.Line))
				b.mu.Unlock()
			}
		}
	}()
	return b
}

// quiet fails the test when the browser complained since the last call: errors, warnings and refusals of the policy.
func (b *browser) quiet(where string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.said {
		b.t.Errorf("%s: the browser says %s", where, s)
	}
	b.said = nil
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// eval returns what an expression is in the page.
func eval[T any](b *browser, expr string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expr, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expr, err)
	}
	return v
}

// wait waits until an expression is true in the page.
func (b *browser) wait(what, expr string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expr, chromedp.WithPollingTimeout(60*time.Second))); err != nil {
		b.t.Fatalf("waited for %s: %v\npage says: %s", what, err, eval[string](b, `document.body.innerText.slice(0, 3000)`))
	}
}

// open goes to a page and waits until its scripts have started.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// signIn signs in through the form.
func (b *browser) signIn(name string) {
	b.t.Helper()
	b.open("/login")
	b.do(chromedp.SendKeys("input[name=name]", name), chromedp.SendKeys("input[name=password]", backwards(name)), chromedp.Click("button[type=submit]"), chromedp.WaitReady("#nav"))
}

// look is a way to look at a page.
type look struct {
	name          string
	width, height int64
	theme         string
}

var looks = []look{
	{"wide-night", 1360, 1000, "night"}, {"wide-day", 1360, 1000, "day"}, {"phone-night", 360, 780, "night"}, {"phone-day", 360, 780, "day"},
}

// take sets size and theme; the theme is a cookie that the next page is rendered with.
func (b *browser) take(l look) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(l.width, l.height))
	eval[string](b, fmt.Sprintf(`document.cookie = "nightkeeper_theme=%s; path=/"`, l.theme))
}

// shoot keeps a screenshot of the whole page: in a directory that is thrown away, or where the environment says.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("NIGHTKEEPER_SCREENSHOTS")
	if dir == "" {
		dir = b.t.TempDir()
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// fits fails the test when the page is wider than the screen.
func (b *browser) fits(where string) {
	b.t.Helper()
	if wide := eval[string](b, `(() => {
		const w = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= w) return "";
		const over = [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > w + 1 && !e.closest(".scroll, .map, .code, svg"));
		return document.documentElement.scrollWidth + " > " + w + ": " + over.slice(0, 5).map((e) => e.tagName + "." + e.className).join(", ");
	})()`); wide != "" {
		b.t.Errorf("%s: overflows sideways: %s", where, wide)
	}
}

// accessible fails the test for each rule of axe-core that the page breaks.
func (b *browser) accessible(where string) {
	b.t.Helper()
	if !eval[bool](b, `typeof axe !== "undefined"`) {
		eval[bool](b, axe+"; true")
	}
	for _, v := range eval[[]string](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map((v) =>
		v.id + ": " + v.help + "; " + v.nodes.slice(0, 3).map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? "")).join(" | ")))`) {
		b.t.Errorf("%s: %s", where, v)
	}
}
