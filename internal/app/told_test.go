package app_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/websocket"

	"nightkeeper/internal/app"
	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/edge/channel/twilio"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
)

// withChannels gives the program a channels file.
func withChannels(t *testing.T, text string) func(*app.Options) {
	path := filepath.Join(t.TempDir(), "channels.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(o *app.Options) { o.ChannelsFile = path }
}

// contacts replaces the inbox of the catalog's person.
func contacts(t *testing.T, list string) apptest.Files {
	t.Helper()
	text := strings.Replace(apptest.Catalog("checkout"), "{channel: inbox}", list, 1)
	return apptest.Files{"shop.yaml": text}
}

// noSecret fails when the secret of a test is in the log or in any fact.
func noSecret(w *apptest.World) {
	w.T.Helper()
	if strings.Contains(w.Log.String(), "hunter2") {
		w.T.Error("a secret is in the log")
	}
	for _, e := range facts(w) {
		if strings.Contains(e.Text+string(e.Data), "hunter2") {
			w.T.Errorf("a secret is in a fact: %s %s", e.Text, e.Data)
		}
	}
}

// facts returns all of them.
func facts(w *apptest.World) []event.Event {
	w.T.Helper()
	return apptest.Get[[]event.Event](w.API, "/api/v1/events")
}

// post makes a call and reads what comes back.
func post[T any](w *apptest.World, path string, body any) (v T) {
	w.T.Helper()
	a := w.API.Call(http.MethodPost, path, body)
	if err := json.Unmarshal(a.Body, &v); err != nil || a.Status != http.StatusOK {
		w.T.Fatalf("%s: %d %s", path, a.Status, a.Body)
	}
	return v
}

// A push arrives, and the button on the phone acknowledges: file, guard, channel, queue and signed link together.
func TestPushArrivesAndItsButtonAcknowledges(t *testing.T) {
	sent := make(chan map[string]any, 99)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m map[string]any
		b, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(b, &m)
		sent <- m
		fmt.Fprint(w, `{"id":"abc","event":"message"}`)
	}))
	defer srv.Close()
	w := apptest.Start(t, contacts(t, "{channel: ntfy, address: mira}, {channel: discord, address: ops}"),
		withChannels(t, "ntfy: {url: '"+srv.URL+"', token: hunter2, topics: {mira: topic-hunter2}}\n"))
	if !strings.Contains(w.Log.String(), "mira cannot be told by discord: the server has no such channel") {
		t.Error("nothing says at the start that a contact cannot be used")
	}
	w.Outage("checkout")
	m := <-sent
	if m["topic"] != "topic-hunter2" || m["priority"] != 5.0 {
		t.Errorf("push %v", m)
	}
	ack := m["actions"].([]any)[0].(map[string]any)
	req, err := http.NewRequestWithContext(t.Context(), ack["method"].(string), ack["url"].(string), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	e := w.API.AwaitWhere(page.KindAcked, 0, func(event.Event) bool { return true })
	if e.Actor != "mira" || resp.StatusCode != http.StatusOK {
		t.Errorf("%d, acknowledged by %s", resp.StatusCode, e.Actor)
	}
	w.API.AwaitWhere(page.KindFailed, 0, func(e event.Event) bool {
		return strings.Contains(e.Text, "by discord: channel discord is not configured on this server")
	})

	checked := post[[]page.Checked](w, "/api/v1/oncall/test", map[string]string{"person": "mira"})
	if len(checked) != 2 || !checked[0].OK || checked[1].OK || !strings.Contains(checked[1].Text, "not configured") {
		t.Errorf("checked %+v", checked)
	}
	if m := <-sent; m["title"] != "Test message from Nightkeeper" || m["actions"] != nil {
		t.Errorf("test %v", m)
	}
	noSecret(w)
}

func TestWebhookKeyIsShownToAdministratorsAndReplaced(t *testing.T) {
	w := apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout")}, nil)
	type keys struct{ Key, Previous string }
	before := apptest.Get[keys](w.API, "/api/v1/webhook-keys")
	after := post[keys](w, "/api/v1/webhook-keys/rotate", nil)
	if before.Key == "" || before.Previous != "" || after.Key == before.Key || after.Previous != before.Key {
		t.Errorf("%+v, %+v", before, after)
	}
	w.Stop()
	w.Boot()
	if again := apptest.Get[keys](w.API, "/api/v1/webhook-keys"); again != after {
		t.Errorf("after a restart %+v, want %+v", again, after)
	}
	for _, e := range facts(w) {
		if strings.Contains(e.Text+string(e.Data), after.Key) {
			t.Errorf("the key is in a fact: %s", e.Text)
		}
	}
}

// A telephone rings, and its key acknowledges: the provider calls us with its signature.
func TestKeyOfATelephoneAcknowledges(t *testing.T) {
	calls := make(chan url.Values, 99)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		calls <- r.PostForm
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"sid":"CA1","status":"queued"}`)
	}))
	defer srv.Close()
	const public = "https://nk.example.org"
	w := apptest.Start(t, contacts(t, "{channel: voice, address: '+4930123456'}"),
		withChannels(t, "twilio: {account: AC1, token: hunter2, from: '+15005550006', url: '"+srv.URL+"', callbacks: '"+public+"'}\n"))
	w.Outage("checkout")
	action := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch((<-calls).Get("Twiml"))
	if action == nil {
		t.Fatal("the call has no menu")
	}
	press := func(path string, form url.Values, signature string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.App.URL()+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Twilio-Signature", signature)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	path := strings.TrimPrefix(action[1], public)
	form := url.Values{"To": {"+4930123456"}, "Digits": {"4"}}
	if status, _ := press(path, form, twilio.Sign("guess", public+path, form)); status != http.StatusForbidden {
		t.Errorf("a guess: %d", status)
	}
	if status, body := press(path, form, twilio.Sign("hunter2", public+path, form)); status != http.StatusOK || !strings.Contains(body, "<Say>mira acknowledged ") {
		t.Errorf("%d %s", status, body)
	}
	if e := w.API.Await(page.KindAcked, 0); e.Actor != "mira" {
		t.Errorf("acknowledged by %s", e.Actor)
	}
	status := strings.Replace(path, "gather", "status", 1)
	form = url.Values{"CallStatus": {"completed"}}
	if code, body := press(status, form, twilio.Sign("hunter2", public+status, form)); code != http.StatusNoContent {
		t.Errorf("%d %s", code, body)
	}
	w.API.Await(page.KindDelivered, 0)
	noSecret(w)
}

// Slack shows the page, a press on its button acknowledges it, and the message says so.
func TestButtonOfSlackAcknowledges(t *testing.T) {
	sent, changed := make(chan string, 99), make(chan string, 99)
	press := make(chan string, 1)
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	defer srv.Close()
	mux.HandleFunc("/chat.postMessage", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		sent <- string(b)
		fmt.Fprint(w, `{"ok":true,"channel":"D1234","ts":"1.2"}`)
	})
	mux.HandleFunc("/chat.update", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		changed <- string(b)
		fmt.Fprint(w, `{"ok":true}`)
	})
	mux.HandleFunc("/chat.postEphemeral", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"ok":true}`) })
	mux.HandleFunc("/apps.connections.open", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"ok":true,"url":"ws%s/socket"}`, strings.TrimPrefix(srv.URL, "http"))
	})
	mux.Handle("/socket", websocket.Handler(func(ws *websocket.Conn) {
		go func() {
			select {
			case value := <-press:
				_ = websocket.Message.Send(ws, `{"type":"interactive","envelope_id":"e1","payload":{"type":"block_actions","user":{"id":"U0MIRA"},"channel":{"id":"D1234"},
					"actions":[{"action_id":"ack","value":"`+value+`"}]}}`)
			case <-ws.Request().Context().Done():
			}
		}()
		_, _ = io.Copy(io.Discard, ws)
	}))
	w := apptest.Start(t, contacts(t, "{channel: slack, address: U0MIRA}"), withChannels(t, "slack: {botToken: xoxb-hunter2, appToken: xapp-hunter2, api: '"+srv.URL+"'}\n"))
	w.Outage("checkout")
	e := w.API.AwaitWhere(page.KindNotified, 0, func(e event.Event) bool { return e.Text == "mira was told by slack" })
	told, err := event.Decode[page.Notified](e)
	if err != nil || !strings.Contains(<-sent, string(told.Notification.ID)) {
		t.Fatalf("%+v, %v", told, err)
	}
	press <- string(told.Notification.ID)
	if e := w.API.Await(page.KindAcked, 0); e.Actor != "mira" {
		t.Errorf("acknowledged by %s", e.Actor)
	}
	if m := <-changed; !strings.Contains(m, "Acknowledged by mira") {
		t.Errorf("changed to %s", m)
	}
	noSecret(w)
}

// The button sends a test message and shows what happened; what is behind an address is not shown.
func TestButtonThatTestsContacts(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	w := apptest.Start(t, contacts(t, "{channel: webhook, address: '"+srv.URL+"/hunter2'}, {channel: slack, address: U0MIRA}"), nil)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	post := func(path string, form url.Values) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.App.URL()+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
	post("/login", url.Values{"name": {"admin"}, "password": {"correct horse"}})
	if page := post("/oncall/contacts/mira", nil); !strings.Contains(page, "accepted") || !strings.Contains(page, "status 200") ||
		!strings.Contains(page, "channel slack is not configured on this server") || strings.Contains(page, "hunter2") {
		t.Errorf("%s", page)
	}
	if page := post("/oncall/contacts/nobody", nil); !strings.Contains(page, "here is no person nobody in the catalog") {
		t.Errorf("%s", page)
	}
}

// A browser that allowed it gets the page, encrypted to it alone.
func TestPushToABrowser(t *testing.T) {
	pushes := make(chan http.Header, 99)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if strings.Contains(string(b), "checkout") {
			t.Error("the push service can read the message")
		}
		pushes <- r.Header
		w.WriteHeader(http.StatusCreated)
	}))
	defer srv.Close()
	files := contacts(t, "{channel: webpush}")
	files["shop.yaml"] = strings.ReplaceAll(files["shop.yaml"], "mira", "admin") // who is signed in is a person of the catalog
	w := apptest.Start(t, files, withChannels(t, "webpush: {subject: 'mailto:ops@example.org'}\n"))
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	device := map[string]any{"endpoint": srv.URL + "/1", "name": "phone", "keys": map[string]string{"p256dh": text(private.PublicKey().Bytes()), "auth": text(make([]byte, 16))}}
	post[any](w, "/api/v1/push/devices", device)
	checked := post[[]page.Checked](w, "/api/v1/oncall/test", map[string]string{"person": "admin"})
	if len(checked) != 1 || !checked[0].OK || checked[0].Text != "accepted for 1 of 1 devices" {
		t.Errorf("%+v", checked)
	}
	key := apptest.Get[map[string]string](w.API, "/api/v1/push/key")["key"]
	if h := <-pushes; !strings.HasSuffix(h.Get("Authorization"), ", k="+key) {
		t.Errorf("authorization %q, key %q", h.Get("Authorization"), key)
	}
	w.Outage("checkout")
	w.API.AwaitWhere(page.KindNotified, 0, func(e event.Event) bool { return e.Text == "admin was told by webpush" })
	post[any](w, "/api/v1/push/devices/drop", device)
	if checked := post[[]page.Checked](w, "/api/v1/oncall/test", map[string]string{"person": "admin"}); checked[0].OK || !strings.Contains(checked[0].Text, "on no device") {
		t.Errorf("%+v", checked)
	}
}
