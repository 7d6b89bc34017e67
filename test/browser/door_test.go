package browser

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/page"
)

// visitor is a browser without scripts.
type visitor struct {
	t    *testing.T
	w    *world
	http *http.Client
}

func visit(t *testing.T, w *world) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, w, &http.Client{Jar: jar, Timeout: 90 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (v *visitor) send(method, path string, form url.Values, headers ...string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, v.w.srv.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp, string(body)
}

func (v *visitor) get(path string) (*http.Response, string) { return v.send("GET", path, nil) }

func (v *visitor) signIn(name string) {
	v.t.Helper()
	if resp, _ := v.send("POST", "/login", url.Values{"name": {name}, "password": {backwards(name)}}); resp.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("sign-in answers %d", resp.StatusCode)
	}
}

func TestNobodyGetsInWithoutSigningIn(t *testing.T) {
	w := newWorld(t)
	v := visit(t, w)
	for _, path := range []string{"/incidents", "/services/checkout-api?from=1&to=2", "/settings/tokens", "/pages/pg_1", "/traces"} {
		resp, _ := v.get(path)
		if got, want := resp.Header.Get("Location"), "/login?next="+url.QueryEscape(path); resp.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%s: got %d to %q, want 303 to %q", path, resp.StatusCode, got, want)
		}
	}
	for _, path := range []string{"/x/map", "/x/red/checkout-api", "/live?after=0"} {
		if resp, _ := v.get(path); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: got %d, want 401", path, resp.StatusCode)
		}
	}
}

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	v := visit(t, w)
	resp, body := v.send("POST", "/login", url.Values{"name": {"amira"}, "password": {"wrong"}, "next": {"/slos"}})
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "do not belong together") || strings.Contains(body, "wrong") {
		t.Errorf("a wrong password answers %d", resp.StatusCode)
	}
	for next, want := range map[string]string{"/slos?x=1": "/slos?x=1", "//evil.example": "/", "https://evil.example/": "/", "/\\evil.example": "/", "javascript:alert(1)": "/"} {
		resp, _ := v.send("POST", "/login", url.Values{"name": {"amira"}, "password": {"arima"}, "next": {next}})
		if got := resp.Header.Get("Location"); got != want {
			t.Errorf("next=%q leads to %q, want %q", next, got, want)
		}
		if c := resp.Header.Get("Set-Cookie"); !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") {
			t.Errorf("session cookie is %q", c)
		}
	}
	v.send("POST", "/logout", url.Values{})
	if resp, _ := v.get("/slos"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("after signing out: got %d, want 303", resp.StatusCode)
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	w := newWorld(t)
	v := visit(t, w)
	v.signIn("amira")
	for _, path := range []string{"/", "/login", "/nowhere", "/design", "/x/map"} {
		resp, body := v.get(path)
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy is %q", path, csp)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers are %v", path, resp.Header)
		}
		if strings.Contains(body, " style=") || strings.Contains(body, "<script>") || strings.Contains(body, " onclick=") {
			t.Errorf("%s has an inline style or script", path)
		}
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	v := visit(t, w)
	v.signIn("amira")
	resp, body := v.send("POST", "/settings/tokens", url.Values{"name": {"x"}, "scope": {"admin"}}, "Sec-Fetch-Site", "cross-site")
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "another site") {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestViewerLooksAndDoesNotAct(t *testing.T) {
	w := newWorld(t)
	w.calm()
	id := w.burn()
	v := visit(t, w)
	v.signIn("vera")
	resp, body := v.get("/incidents/" + string(id))
	if resp.StatusCode != http.StatusOK || strings.Contains(body, "<textarea") || strings.Contains(body, "Approve") || strings.Contains(body, "I have it") {
		t.Errorf("got %d, or the page of a viewer has something to press", resp.StatusCode)
	}
	ps := w.paged()
	for _, path := range []string{"/incidents/" + string(id) + "/note", "/incidents/" + string(id) + "/resolve", "/pages/" + string(ps[0].ID) + "/ack", "/settings/tokens/1/drop"} {
		if resp, _ := v.send("POST", path, url.Values{"text": {"x"}, "reason": {"x"}}); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", path, resp.StatusCode)
		}
	}
	for _, path := range []string{"/settings/tokens"} {
		if resp, _ := v.get(path); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", path, resp.StatusCode)
		}
	}
}

// A link in a message acknowledges with one press, by whoever has it, and not by being looked at.
func TestAckLinkWorksWithoutSigningIn(t *testing.T) {
	w := newWorld(t)
	w.calm()
	w.burn()
	v := visit(t, w)
	ps := w.paged()
	path := "/ack/" + w.page.AckToken(ps[0].ID, "tomas", time.Now().Add(time.Hour))
	for range 2 {
		if resp, body := v.get(path); resp.StatusCode != http.StatusOK || !strings.Contains(body, "I have it") {
			t.Fatalf("got %d without a button", resp.StatusCode)
		}
	}
	if resp, body := v.send("POST", path, url.Values{}); resp.StatusCode != http.StatusOK || !strings.Contains(body, "You have it, tomas") {
		t.Errorf("acknowledging answers %d", resp.StatusCode)
	}
	p, _, err := w.page.Get(w.ctx, ps[0].ID)
	w.must(err)
	if p.State != page.Acked || p.AckedBy != "tomas" {
		t.Errorf("page is %s by %q", p.State, p.AckedBy)
	}
	late := "/ack/" + w.page.AckToken(ps[0].ID, "tomas", time.Now().Add(-time.Minute))
	if resp, body := v.get(late); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "expired") {
		t.Errorf("an expired link answers %d", resp.StatusCode)
	}
	if resp, _ := v.get(path[:len(path)-1] + "0"); resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusOK {
		t.Errorf("a forged link answers %d", resp.StatusCode)
	}
}

// Everything works without scripts: a form is followed by the page it changed.
func TestFormsWorkWithoutScripts(t *testing.T) {
	w := newWorld(t)
	w.calm()
	id := string(w.burn())
	v := visit(t, w)
	v.signIn("amira")
	resp, _ := v.send("POST", "/incidents/"+id+"/note", url.Values{"text": {"<script>alert(1)</script> & done"}})
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/incidents/"+id+"#timeline" {
		t.Errorf("got %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	_, body := v.get("/incidents/" + id)
	if strings.Contains(body, "<script>alert") || !strings.Contains(body, "&lt;script&gt;alert") {
		t.Error("a note is not written as text")
	}
	resp, body = v.send("POST", "/incidents/"+id+"/note", url.Values{"text": {" "}})
	if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "A note has 1 to 4,000 characters") {
		t.Errorf("an empty note answers %d", resp.StatusCode)
	}
	resp, body = v.send("POST", "/settings/tokens", url.Values{"name": {"pipeline"}, "scope": {"gate"}})
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "nk_secret") {
		t.Errorf("making a token answers %d", resp.StatusCode)
	}
	if _, body = v.send("POST", "/settings/tokens", url.Values{"name": {"amtool"}, "scope": {"intake", "respond"}}); !strings.Contains(body, "intake respond") {
		t.Error("a token of two scopes has lost one")
	}
	if _, body := v.get("/settings/tokens"); strings.Contains(body, "nk_secret") || !strings.Contains(body, "pipeline") {
		t.Error("the secret of a token is shown again, or the token is missing")
	}
}

// Without a telemetry engine the pages say so, and everything else is there.
func TestPagesWithoutTelemetry(t *testing.T) {
	w := newWorld(t)
	w.calm()
	w.clock.run()
	w.engine.down.Store(true)
	v := visit(t, w)
	v.signIn("amira")
	for path, want := range map[string]string{
		"/logs": "The telemetry engine is down", "/traces": "The telemetry engine is down", "/services/checkout-api": "Called by",
		"/services/checkout-api/profile": "The telemetry engine is down", "/": "All is well",
	} {
		if resp, body := v.get(path); resp.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: got %d, want it to say %q", path, resp.StatusCode, want)
		}
	}
}

func TestUnknownThingsAreNotFound(t *testing.T) {
	w := newWorld(t)
	v := visit(t, w)
	v.signIn("amira")
	for _, path := range []string{"/nowhere", "/incidents/INC-404", "/services/none", "/slos/none", "/pages/pg_none", "/runbooks/none", "/runs/run_none",
		"/experiments/none", "/postmortems/none", "/map?focus=none", "/traces/0000", "/static/none.js"} {
		if resp, _ := v.get(path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, resp.StatusCode)
		}
	}
}

// The feed names each fact once, continues where it was left, and ends with the session.
func TestLiveFeedContinues(t *testing.T) {
	w := newWorld(t)
	w.calm()
	v := visit(t, w)
	v.signIn("amira")
	id := w.burn()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	read := func(last string) (string, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, "GET", w.srv.URL+"/live?after=0", nil)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" {
			r.Header.Set("Last-Event-ID", last)
		}
		resp, err := v.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var text strings.Builder
		buf := make([]byte, 4096)
		for !strings.Contains(text.String(), "event: facts") || !strings.HasSuffix(text.String(), "\n\n") {
			n, err := resp.Body.Read(buf)
			text.Write(buf[:n])
			if err != nil {
				t.Fatalf("%v after %s", err, text.String())
			}
		}
		all := text.String()
		_, rest, _ := strings.Cut(all[strings.LastIndex(all, "id: "):], "id: ")
		seq, _, _ := strings.Cut(rest, "\n")
		return seq, all
	}
	seq, first := read("")
	if !strings.Contains(first, "respond.opened") {
		t.Errorf("the feed says %s", first)
	}
	w.must(w.respond.Note(w.ctx, id, "mei", "one more", w.clock.now()))
	if _, second := read(seq); !strings.Contains(second, `"respond.noted"`) || strings.Contains(second, "respond.opened") {
		t.Errorf("the continued feed says %s", second)
	}
}
