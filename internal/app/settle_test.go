package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"nightkeeper/internal/app"
	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/remediate"
)

// book is a low-risk runbook with a script.
func book(script string) string {
	return "---\nowner: shop\nreviewed: 2026-10-01\nrisk: low\n---\n# Book\n\n```starlark\n" + script + "\n```\n"
}

// broken answers every call of /restart by closing the connection, as long as it is set.
type broken struct {
	lose     atomic.Bool
	restarts atomic.Int32
}

func (x *broken) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/restart" {
		x.restarts.Add(1)
		if x.lose.Load() {
			panic(http.ErrAbortHandler)
		}
	}
}

// browser is somebody who is signed in.
type browser struct {
	t      *testing.T
	base   string
	client http.Client
}

func signIn(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, base: base, client: http.Client{Jar: jar}}
	if status, page := b.submit("/login", url.Values{"name": {"admin"}, "password": {"correct horse"}, "next": {"/runbooks"}}); status != http.StatusOK {
		t.Fatalf("sign in: %d %s", status, page)
	}
	return b
}

func (b *browser) submit(path string, form url.Values) (int, string) {
	b.t.Helper()
	return b.read(b.client.PostForm(b.base+path, form))
}

func (b *browser) look(path string) string {
	b.t.Helper()
	status, page := b.read(b.client.Get(b.base + path))
	if status != http.StatusOK {
		b.t.Fatalf("%s: %d %s", path, status, page)
	}
	return page
}

func (b *browser) read(resp *http.Response, err error) (int, string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(page)
}

// A step loses its answer, in the whole program: the page and the API ask, take one answer, and the run goes on.
func TestLostStepIsSettledOnThePageAndByTheAPI(t *testing.T) {
	x := &broken{}
	x.lose.Store(true)
	srv := httptest.NewServer(x)
	defer srv.Close()
	w := apptest.Start(t, apptest.Files{
		"shop.yaml": apptest.Catalog("checkout"),
		"book.md":   book(fmt.Sprintf("r = must(http.once(url = %q))\nresolve(json.encode(r))", srv.URL+"/restart")),
	}, nil)
	w.Outage("checkout")
	w.API.Await("respond.opened", 0)
	me := signIn(t, w.App.URL())
	start := func() remediate.Run {
		t.Helper()
		a := w.API.Call(http.MethodPost, "/api/v1/runs", map[string]any{"incident": "INC-1", "runbook": "book"})
		var r remediate.Run
		if err := json.Unmarshal(a.Body, &r); err != nil || r.ID == "" {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		w.Eventually("the run stops", func() bool {
			r = apptest.Get[remediate.Run](w.API, "/api/v1/runs/"+string(r.ID))
			return r.State == remediate.Unknown
		})
		return r
	}
	over := func(id remediate.RunID) (r remediate.Run) {
		t.Helper()
		w.Eventually("the run ends", func() bool {
			r = apptest.Get[remediate.Run](w.API, "/api/v1/runs/"+string(id))
			return r.State.Over()
		})
		return r
	}

	first := start()
	page, at := "/runs/"+string(first.ID), "/runs/"+string(first.ID)+"/steps/1/settle"
	shown := me.look(page)
	for _, part := range []string{"Did it happen?", `action="` + at + `"`, fmt.Sprintf(`name="turn" value="%d"`, first.Turn), `name="happened" value="yes"`, `name="happened" value="no"`, "<details", "<summary"} {
		if !strings.Contains(shown, part) {
			t.Errorf("the page of the run has no %s", part)
		}
	}
	for _, form := range []url.Values{{"turn": {"1"}}, {"happened": {"yes"}}, {"happened": {"yes"}, "turn": {"1"}, "result": {"{"}}} {
		if status, _ := me.submit(at, form); status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d, want 422", form, status)
		}
	}
	api := func(who *apptest.Client, path string, body map[string]any, status int, code errs.Code) {
		t.Helper()
		if a := who.Call(http.MethodPost, "/api/v1"+path, body); a.Status != status || a.Code() != string(code) {
			t.Errorf("%v: %d %s, want %d %q", body, a.Status, a.Body, status, code)
		}
	}
	api(w.API, at, map[string]any{"turn": first.Turn + 1, "happened": true}, 409, errs.Conflict)
	api(w.API, "/runs/"+string(first.ID)+"/steps/2/settle", map[string]any{"turn": first.Turn, "happened": true}, 409, errs.Conflict)
	api(w.API, "/runs/run_none/steps/1/settle", map[string]any{"turn": 1, "happened": true}, 404, errs.NotFound)
	api(w.API, at, map[string]any{"happened": true}, 422, errs.Invalid)
	api(w.API, at, map[string]any{"turn": first.Turn}, 422, errs.Invalid)
	api(w.As(w.Token("read")), at, map[string]any{"turn": first.Turn, "happened": true}, 403, errs.Denied)
	if r := apptest.Get[remediate.Run](w.API, "/api/v1"+page); r.State != remediate.Unknown {
		t.Fatalf("an answer that was refused changed the run: %+v", r)
	}

	status, shown := me.submit(at, url.Values{"turn": {fmt.Sprint(first.Turn)}, "happened": {"yes"}, "note": {"saw three pods"}, "result": {`{"pods":3}`}})
	if status != http.StatusOK || strings.Contains(shown, "Did it happen?") || !strings.Contains(shown, "saw three pods") {
		t.Errorf("after the answer: %d, and the page says %s", status, shown)
	}
	if r := over(first.ID); r.State != remediate.Succeeded || r.Reason != `{"pods":3}` {
		t.Errorf("the run is %s because %q", r.State, r.Reason)
	}
	settled := w.API.Await(remediate.KindSettled, 0)
	if settled.Actor != "admin" || !strings.HasSuffix(settled.Text, "happened: saw three pods") {
		t.Errorf("fact %+v", settled)
	}
	api(w.API, at, map[string]any{"turn": first.Turn, "happened": true}, 200, "") // once more: nothing changes
	api(w.API, at, map[string]any{"turn": first.Turn, "happened": false}, 409, errs.Conflict)

	second := start()
	x.lose.Store(false)
	api(w.As(w.Token("respond")), "/runs/"+string(second.ID)+"/steps/1/settle", map[string]any{"turn": second.Turn, "happened": false, "note": "no new pod"}, 200, "")
	if r := over(second.ID); r.State != remediate.Succeeded {
		t.Errorf("the run is %s because %q", r.State, r.Reason)
	}
	if n := x.restarts.Load(); n != 3 { // the first run once, the second twice
		t.Errorf("%d restarts", n)
	}
	timeline := w.API.Call(http.MethodGet, "/api/v1/incidents/INC-1/timeline", nil)
	if n := strings.Count(string(timeline.Body), remediate.KindSettled); n != 2 {
		t.Errorf("the timeline has %d answers, want 2", n)
	}
}

// A runbook sends a secret to the server that may have it, and to no other; nothing that the program keeps, says or logs
// has it.
func TestSecretOfARunbookIsSeenByItsServerOnly(t *testing.T) {
	const secret = "correct-horse-battery"
	seen := make(chan string, 9)
	echo := func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Host + " " + r.Header.Get("Authorization")
		fmt.Fprintf(w, "you sent %s", r.Header.Get("Authorization"))
	}
	meant, other := httptest.NewServer(http.HandlerFunc(echo)), httptest.NewServer(http.HandlerFunc(echo))
	defer meant.Close()
	defer other.Close()
	dir := t.TempDir()
	for name, text := range map[string]string{"deploy": secret + "\n", "deploy.hosts": meant.URL + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := apptest.Start(t, apptest.Files{
		"shop.yaml": apptest.Catalog("checkout"),
		"book.md": book(fmt.Sprintf("h = {\"Authorization\": \"Bearer secret:deploy\"}\nr = must(http.post(%q, headers = h))\nprint(r)\n"+
			"bad = http.post(%q, headers = h)\nnone = http.post(%q, headers = {\"X\": \"secret:none\"})\nresolve(r[\"body\"] + \"; \" + bad.error + \"; \" + none.error)",
			meant.URL+"/pause", other.URL+"/pause", meant.URL+"/pause")),
	}, func(o *app.Options) { o.SecretsDir = dir })
	w.Outage("checkout")
	w.API.Await("respond.opened", 0)
	w.API.Post("/api/v1/runs", map[string]any{"incident": "INC-1", "runbook": "book"})
	w.API.Await(remediate.KindFinished, 0)
	r := apptest.Get[[]remediate.Run](w.API, "/api/v1/runs")[0]
	want := "you sent Bearer [secret:deploy]; secret:deploy must not be sent to " + other.URL + "; there is no secret named none"
	if r.State != remediate.Succeeded || r.Reason != want {
		t.Errorf("the run is %s because\n%s, want\n%s", r.State, r.Reason, want)
	}
	if len(seen) != 1 {
		t.Fatalf("%d requests arrived, want one", len(seen))
	}
	if got, want := <-seen, strings.TrimPrefix(meant.URL, "http://")+" Bearer "+secret; got != want {
		t.Errorf("its server saw %q, want %q", got, want)
	}
	me := signIn(t, w.App.URL())
	for what, text := range map[string]string{
		"the run":      string(w.API.Call(http.MethodGet, "/api/v1/runs/"+string(r.ID), nil).Body),
		"the facts":    string(w.API.Call(http.MethodGet, "/api/v1/events?limit=1000", nil).Body),
		"the timeline": string(w.API.Call(http.MethodGet, "/api/v1/incidents/INC-1/timeline", nil).Body),
		"its page":     me.look("/runs/" + string(r.ID)),
		"the log":      w.Log.String(),
	} {
		if strings.Contains(text, secret) || what != "the log" && !strings.Contains(text, "secret:deploy") {
			t.Errorf("%s has the secret, or does not name it: %s", what, text)
		}
	}
	w.Stop()
	err := filepath.WalkDir(w.Data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), secret) {
			t.Errorf("%s has the secret, or cannot be read: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestProgramDoesNotStartWithSecretsThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "deploy"), []byte("correct-horse-battery"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := start(t)
	a, err := app.New(app.Options{DataDir: t.TempDir(), CatalogDir: w.Catalog, HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", OTLPAddr: "127.0.0.1:0",
		SecretsDir: dir, Self: []string{os.Args[0]}, Log: quiet})
	if err == nil {
		err = a.Start(t.Context())
		if serr := a.Stop(t.Context()); serr != nil {
			t.Error(serr)
		}
	}
	if !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Message(err), "deploy.hosts is missing") {
		t.Errorf("started: %v", err)
	}
}
