//go:build !race

package dashboard_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/axe/axe-4.14.1.min.js
var axe string

// chromium is the one browser of this test binary.
var chromium struct {
	once  sync.Once
	ctx   context.Context //nolint:containedctx // it is chromedp's handle of the browser
	close []context.CancelFunc
	fault error
}

func closeBrowser() {
	for _, closeOne := range slices.Backward(chromium.close) {
		closeOne()
	}
}

// startBrowser starts it, at most once. A sandbox is not to be had as root; the browser sees nothing but this test's own pages.
func startBrowser() (context.Context, error) {
	chromium.once.Do(func() {
		path := ""
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless_shell"} {
			if found, err := exec.LookPath(name); err == nil {
				path = found
				break
			}
		}
		if path == "" {
			chromium.fault = errors.New("there is no Chromium on the path: install the package chromium")
			return
		}
		allocator, closeAllocator := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("lang", "en-GB"), chromedp.WSURLReadTimeout(2*patience))...)
		browser, closeTab := chromedp.NewContext(allocator)
		chromium.close = append(chromium.close, closeAllocator, closeTab, func() { _ = chromedp.Cancel(browser) })
		chromium.fault = chromedp.Do(browser)
		chromium.ctx = browser //nolint:fatcontext // once
	})
	return chromium.ctx, chromium.fault
}

// tab is one of the browser, in a profile of its own. When the test ends it fails if the console has told of an error, or another host was asked for anything.
type tab struct {
	testing.TB

	ctx context.Context //nolint:containedctx // it is chromedp's handle of the tab
	url string          // of the dashboard

	mu     sync.Mutex
	faults []string
	excuse []string // faults with one of these in them are none
}

// browse opens a tab for a world's dashboard. Without a Chromium the test is skipped, or fails if CONTRAIL_BROWSER=required.
func (w *world) browse(t *testing.T) *tab {
	t.Helper()
	browser, err := startBrowser()
	if err != nil {
		if os.Getenv("CONTRAIL_BROWSER") == "required" {
			require.NoError(t, err)
		}
		t.Skipf("no browser: %v", err)
	}
	b := &tab{TB: t, url: w.url}
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		closeTab()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, fault := range b.faults {
			t.Error(fault)
		}
	})
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	b.do(b.width(1280))
	return b
}

// hear takes note of what no page may do.
func (b *tab) hear(event any) {
	fault := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = "an exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			var words []string
			for _, arg := range e.Args {
				words = append(words, string(arg.Value)+arg.Description)
			}
			fault = "the console: " + strings.Join(words, " ")
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			fault = "the browser's log: " + e.Entry.Text + " " + e.Entry.URL
		}
	case *network.EventRequestWillBeSent:
		asked, err := url.Parse(e.Request.URL)
		if own, _ := url.Parse(b.url); err != nil || asked.Scheme != "data" && asked.Scheme != "about" && asked.Host != own.Host {
			fault = "another host is asked: " + e.Request.URL
		}
	case *page.EventJavascriptDialogOpening:
		fault = "a dialog: " + e.Message
		go func() { // not from here: it would wait for itself
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}()
	}
	if fault == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, excuse := range b.excuse {
		if strings.Contains(fault, excuse) {
			return
		}
	}
	b.faults = append(b.faults, fault)
}

// excused has faults with this text in them be none: of what the test brings about itself.
func (b *tab) excused(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.excuse = append(b.excuse, text)
}

// do performs actions, and fails the test if one of them can't be done in time.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	require.NoError(b, chromedp.Do(ctx, actions...))
}

// width is that of the window, in CSS pixels: 390 is a phone's.
func (b *tab) width(pixels int64) chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(pixels, 900)
}

// open goes to a page of the dashboard, and waits until its scripts have run.
func (b *tab) open(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.url + path))
	b.until(`document.documentElement.dataset.ready === "yes"`)
}

// until waits until a JavaScript expression is true.
func (b *tab) until(expression string) {
	b.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		so, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!!(`+expression+`)`))
		cancel()
		if err == nil && so { // an error: the page is just being left
			return
		}
		if time.Now().After(deadline) || b.ctx.Err() != nil {
			require.Failf(b, "it does not come true", "%s; %v; the page has: %s", expression, err, b.text("body"))
		}
		select {
		case <-b.ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sees waits until an element, by its CSS selector, has a text in it.
func (b *tab) sees(selector, text string) {
	b.Helper()
	quoted, err := json.Marshal([]string{selector, text})
	require.NoError(b, err)
	b.until(`((q) => [...document.querySelectorAll(q[0])].some((e) => [e.innerText, e.textContent].some((t) => (t || "").replace(/\s+/g, " ").includes(q[1]))))(` + string(quoted) + `)`)
}

// text is what an element says, as a person reads it.
func (b *tab) text(selector string) string {
	b.Helper()
	quoted, err := json.Marshal(selector)
	require.NoError(b, err)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`(document.querySelector(`+string(quoted)+`) || {innerText: ""}).innerText`)) // "": the page is just being left
	return text
}

// evaluate returns what a JavaScript expression has for a value.
func evaluate[T any](b *tab, expression string) T {
	b.Helper()
	return perform(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// perform performs an action that has a value.
func perform[T any](b *tab, action chromedp.Action[T]) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	require.NoError(b, err)
	return value
}

// click clicks on the first element of a CSS selector that is visible.
func (b *tab) click(selector string) {
	b.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// fill gives a field a value, as if it had been typed or chosen.
func (b *tab) fill(selector, text string) {
	b.Helper()
	quoted, err := json.Marshal([]string{selector, text})
	require.NoError(b, err)
	b.until(`((q) => {
		const field = document.querySelector(q[0]);
		if (!field) return false;
		field.focus();
		field.value = q[1];
		for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
		return field.value === q[1];
	})(` + string(quoted) + `)`)
}

// shoot takes a screenshot of the whole page into testdata/screenshots, or $CONTRAIL_SCREENSHOTS.
func (b *tab) shoot(name string) {
	b.Helper()
	folder := os.Getenv("CONTRAIL_SCREENSHOTS")
	if folder == "" {
		folder = filepath.Join("testdata", "screenshots")
	}
	require.NoError(b, os.MkdirAll(folder, 0o755))
	image := perform(b, chromedp.FullScreenshot(100))
	require.NoError(b, os.WriteFile(filepath.Join(folder, name+".png"), image, 0o600))
}

// finding is one of axe's.
type finding struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// accessible examines the page with axe, by WCAG 2.2 AA and best practices: labels, contrast, landmarks, order of headings.
func (b *tab) accessible() {
	b.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](axe))
	found := evaluate[[]finding](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations)`)
	for _, one := range found {
		for _, node := range one.Nodes {
			b.Errorf("axe: %s: %s: %s\n%s", one.ID, one.Help, node.HTML, node.Summary)
		}
	}
}

// fits tells that nothing is wider than the window, but for what scrolls by itself.
func (b *tab) fits() {
	b.Helper()
	wide := evaluate[[]string](b, `(async () => {
		for (const end = Date.now() + 10000; Date.now() < end && document.documentElement.scrollWidth > document.documentElement.clientWidth;) {
			await new Promise((done) => setTimeout(done, 50)); // charts follow the window
		}
		const room = document.documentElement.clientWidth, wide = [];
		if (document.documentElement.scrollWidth > room) {
			for (const e of document.body.querySelectorAll("*")) {
				if (e.getBoundingClientRect().right > room + 1) wide.push(e.outerHTML.slice(0, 200));
			}
			wide.push("the page is " + document.documentElement.scrollWidth + " wide");
		}
		return wide;
	})()`)
	require.Empty(b, wide)
}

// evaluated evaluates JavaScript for what it does.
func evaluated(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](script)
}

// types types: letters, or "\t" and "\r" for the keys that move on and send.
func (b *tab) types(keys string) {
	b.Helper()
	b.do(chromedp.KeyEvent(keys))
}
