package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"nightkeeper/internal/edge/channel/channeltest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

var dial = (&net.Dialer{}).DialContext

func config(url string) Config {
	return Config{BotToken: secret.New("xoxb-" + channeltest.Hidden), AppToken: secret.New("xapp-" + channeltest.Hidden), API: url + "/api/",
		Rooms: map[string]secret.Text{"ops": secret.New(url + "/services/T/B/" + channeltest.Hidden)}}
}

func channel(url string) page.Channel { return New(config(url), channeltest.Client(), dial) }

const taken = `{"ok":true,"channel":"D024BE91L","ts":"1503435956.000247"}`

func TestAnswersToTheBot(t *testing.T) {
	cases := []channeltest.Case{
		{Name: "taken", Answer: channeltest.Answer{Status: 200, Body: taken}},
		{Name: "limited", Answer: channeltest.Answer{Status: 429, Header: map[string]string{"Retry-After": "11"}, Body: `{"ok":false,"error":"ratelimited"}`}, Code: errs.Unavailable, Wait: 11 * time.Second},
		{Name: "an error that nobody knows", Answer: channeltest.Answer{Status: 200, Body: `{"ok":false,"error":"flux_capacitor"}`}, Code: errs.Unavailable},
		{Name: "no reason", Answer: channeltest.Answer{Status: 200, Body: `{"ok":false}`}, Code: errs.Unavailable},
		{Name: "an error with a secret in it", Answer: channeltest.Answer{Status: 200, Body: `{"ok":false,"error":"HUNTER2 2"}`}, Code: errs.Unavailable},
		{Name: "no JSON", Answer: channeltest.Answer{Status: 200, Body: "<html>"}, Code: errs.Unavailable},
	}
	for _, e := range []string{"channel_not_found", "not_in_channel", "is_archived", "invalid_auth", "token_revoked", "missing_scope", "msg_too_long"} {
		cases = append(cases, channeltest.Case{Name: e, Answer: channeltest.Answer{Status: 200, Body: `{"ok":false,"error":"` + e + `"}`}, Code: errs.Invalid})
	}
	for _, e := range []string{"internal_error", "fatal_error", "service_unavailable", "ratelimited", "request_timeout"} {
		cases = append(cases, channeltest.Case{Name: e, Answer: channeltest.Answer{Status: 200, Body: `{"ok":false,"error":"` + e + `"}`}, Code: errs.Unavailable})
	}
	channeltest.Table(t, channeltest.Night("U024BE7LH"), channel, cases...)
}

func TestAnswersToAWebhook(t *testing.T) {
	channeltest.Table(t, channeltest.Night("ops"), func(url string) page.Channel { return New(config(url), channeltest.Client(), dial) },
		channeltest.Case{Name: "taken", Answer: channeltest.Answer{Status: 200, Body: "ok"}},
		channeltest.Case{Name: "gone", Answer: channeltest.Answer{Status: 404, Body: "no_service"}, Code: errs.Invalid},
		channeltest.Case{Name: "archived", Answer: channeltest.Answer{Status: 410, Body: "channel_is_archived"}, Code: errs.Invalid},
	)
}

// buttons returns the labels of the buttons of a message, with what each does.
func buttons(t *testing.T, m map[string]any) (out []string) {
	t.Helper()
	for _, b := range m["blocks"].([]any) {
		b := b.(map[string]any)
		if b["type"] != "actions" {
			continue
		}
		for _, e := range b["elements"].([]any) {
			e := e.(map[string]any)
			what := e["url"]
			if what == nil {
				what = fmt.Sprint(e["action_id"], " ", e["value"])
			}
			out = append(out, fmt.Sprint(e["text"].(map[string]any)["text"], ": ", what))
		}
	}
	return out
}

func TestMessageHasButtons(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
	m := channeltest.Night("U024BE7LH")
	receipt, err := channel(p.URL).Send(t.Context(), m)
	if err != nil || receipt != "D024BE91L/1503435956.000247" {
		t.Fatalf("%q, %v", receipt, err)
	}
	r := p.Only(t)
	body := r.JSON(t)
	if r.Path != "/api/chat.postMessage" || r.Header.Get("Authorization") != "Bearer xoxb-hunter2" || body["channel"] != "U024BE7LH" || body["text"] != "SEV1 checkout" {
		t.Errorf("%s %v", r.Path, body)
	}
	if strings.Contains(r.Body, "<!here>") || !strings.Contains(fmt.Sprint(body), "&lt;!here&gt; &amp; ") {
		t.Errorf("a name may ring everybody: %s", r.Body)
	}
	f := func(what string, c *Channel, m page.Message, want string) {
		t.Helper()
		p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
		c.cfg.API = p.URL
		if _, err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(buttons(t, p.Only(t).JSON(t)), "; "); got != want {
			t.Errorf("%s: %s", what, got)
		}
	}
	const links = "Open: https://nk.example.org/pages/pg_1; Rate, errors, duration: https://nk.example.org/services/checkout"
	make := func() *Channel { return channel(p.URL).(*Channel) }
	f("one page", make(), m, "Acknowledge: ack ntf_1; Resolve: resolve ntf_1; "+links)
	many := m
	many.More, many.AckURL = 4, ""
	f("many pages", make(), many, "Acknowledge all: ack ntf_1; "+links)
	deaf := make()
	deaf.cfg.AppToken = secret.Text{}
	f("nobody hears", deaf, m, "Acknowledge: https://nk.example.org/ack/token; "+links)
	f("a test", make(), page.Message{Address: "U024BE7LH", Title: "Test", Text: "x", Test: true}, "")
}

func TestMessageIsChangedWithItsPage(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
	m := channeltest.Night("U024BE7LH")
	m.Status, m.AckURL = "Acknowledged by ada", ""
	c := channel(p.URL).(*Channel)
	if err := c.Update(t.Context(), m, "D024BE91L/1503435956.000247"); err != nil {
		t.Fatal(err)
	}
	r := p.Only(t)
	body := r.JSON(t)
	if r.Path != "/api/chat.update" || body["channel"] != "D024BE91L" || body["ts"] != "1503435956.000247" || !strings.Contains(r.Body, "Acknowledged by ada") || len(buttons(t, body)) != 2 {
		t.Errorf("%s %v", r.Path, body)
	}
	for _, receipt := range []string{"accepted for ops", "", "x/y"} {
		if err := c.Update(t.Context(), m, receipt); err != nil || len(p.Requests()) != 1 {
			t.Errorf("%q: %v", receipt, err)
		}
	}
}

func TestAddressThatCannotWork(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
	for _, a := range []string{"", "ada", "#ops", "u024be7lh", "U024 BE7", "B0123"} {
		if _, err := channel(p.URL).Send(t.Context(), channeltest.Night(a)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", a, err)
		}
	}
	if len(p.Requests()) > 0 {
		t.Error("it was tried")
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	for _, c := range []struct {
		Config
		want int
	}{
		{Config{}, 1},
		{Config{BotToken: secret.New("xoxb-1")}, 0},
		{Config{BotToken: secret.New("xoxp-1"), AppToken: secret.New("1"), API: "slack"}, 3},
		{Config{AppToken: secret.New("xapp-1"), Rooms: map[string]secret.Text{"a": secret.New("b")}}, 2},
	} {
		if got := c.Check(); len(got) != c.want {
			t.Errorf("%q", got)
		}
	}
}

// workspace is Slack with its socket. Each socket sends the frames it is given and ends.
type workspace struct {
	*httptest.Server
	sockets chan []string // frames of the next socket; "" keeps it open
	opens   chan string   // what apps.connections.open answers first

	mu       sync.Mutex
	confirms []string
	whispers []string
	token    string
	heard    chan struct{} // something was confirmed or whispered
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	w := &workspace{sockets: make(chan []string, 99), opens: make(chan string, 99), heard: make(chan struct{}, 99)}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/apps.connections.open", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.token = r.Header.Get("Authorization")
		w.mu.Unlock()
		select {
		case a := <-w.opens:
			fmt.Fprint(rw, a)
		default:
			fmt.Fprintf(rw, `{"ok":true,"url":"ws%s/socket"}`, strings.TrimPrefix(w.URL, "http"))
		}
	})
	mux.HandleFunc("/api/chat.postEphemeral", func(rw http.ResponseWriter, r *http.Request) {
		var in struct{ Channel, User, Text string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		w.note(&w.whispers, in.Channel+" "+in.User+": "+in.Text)
		fmt.Fprint(rw, `{"ok":true}`)
	})
	mux.Handle("/socket", websocket.Handler(func(ws *websocket.Conn) {
		var frames []string
		select {
		case frames = <-w.sockets:
		case <-ws.Request().Context().Done():
			return
		}
		go func() {
			for _, f := range frames {
				_ = websocket.Message.Send(ws, f)
			}
		}()
		for {
			var in struct {
				ID string `json:"envelope_id"`
			}
			if websocket.JSON.Receive(ws, &in) != nil {
				return
			}
			w.note(&w.confirms, in.ID)
		}
	}))
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	return w
}

func (w *workspace) note(list *[]string, s string) {
	w.mu.Lock()
	*list = append(*list, s)
	w.mu.Unlock()
	w.heard <- struct{}{}
}

// listen runs Listen until the test ends; next returns the answers that were taken.
func (w *workspace) listen(t *testing.T, take page.Take) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := New(config(w.URL), channeltest.Client(), dial).Listen(ctx, take); err != nil {
			t.Errorf("listen: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

const (
	hello      = `{"type":"hello","num_connections":1,"connection_info":{"app_id":"A1"}}`
	disconnect = `{"type":"disconnect","reason":"refresh_requested"}`
)

func pressed(envelope, action, user string) string {
	return `{"type":"interactive","envelope_id":"` + envelope + `","accepts_response_payload":false,"payload":{"type":"block_actions","user":{"id":"` + user + `","username":"ada"},
		"container":{"type":"message","message_ts":"1.2","channel_id":"D024BE91L"},"channel":{"id":"D024BE91L","name":"directmessage"},
		"actions":[{"action_id":"` + action + `","block_id":"x","type":"button","value":"ntf_1","action_ts":"1.3"}]}}`
}

func TestPressIsTakenConfirmedAndAnswered(t *testing.T) {
	w := newWorkspace(t)
	taken := make(chan page.Answer, 9)
	w.listen(t, func(_ context.Context, a page.Answer) (string, error) {
		taken <- a
		if a.From == "U0EVE" {
			return "", errs.New(errs.Denied, "Nightkeeper does not know you")
		}
		return "ada acknowledged <checkout>", nil
	})
	w.sockets <- []string{hello, pressed("e1", "ack", "U0ADA"), pressed("e2", "resolve", "U0EVE"), pressed("e3", "link1", "U0ADA"), `{"type":"events_api","envelope_id":"e4","payload":{}}`}
	if a := <-taken; a != (page.Answer{Notification: "ntf_1", Kind: page.AnswerAck, From: "U0ADA"}) {
		t.Errorf("%+v", a)
	}
	if a := <-taken; a != (page.Answer{Notification: "ntf_1", Kind: page.AnswerResolve, From: "U0EVE"}) {
		t.Errorf("%+v", a)
	}
	for range 6 { // four are confirmed, two answered
		<-w.heard
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := strings.Join(w.confirms, " "); got != "e1 e2 e3 e4" {
		t.Errorf("confirmed %s", got)
	}
	if got := strings.Join(w.whispers, "; "); got != "D024BE91L U0ADA: ada acknowledged &lt;checkout&gt;; D024BE91L U0EVE: Nightkeeper does not know you" {
		t.Errorf("said %s", got)
	}
	if w.token != "Bearer xapp-hunter2" || len(taken) > 0 {
		t.Errorf("token %s, %d more answers", w.token, len(taken))
	}
}

func TestSocketThatEndsIsReplaced(t *testing.T) {
	w := newWorkspace(t)
	taken := make(chan page.Answer, 9)
	w.listen(t, func(_ context.Context, a page.Answer) (string, error) { taken <- a; return "", nil })
	for i := range 4 {
		w.sockets <- []string{hello, "not JSON", `{"type":7}`, "[]", pressed(fmt.Sprint("e", i), "ack", "U0ADA"), disconnect}
		<-taken
	}
}

func TestPressThatCannotBeWrittenIsNotConfirmed(t *testing.T) {
	w := newWorkspace(t)
	w.listen(t, func(context.Context, page.Answer) (string, error) {
		return "", errs.New(errs.Unavailable, "the database is away")
	})
	w.sockets <- []string{hello, pressed("e1", "ack", "U0ADA")}
	<-w.heard
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.confirms) != 0 || len(w.whispers) != 1 || !strings.Contains(w.whispers[0], "press again") {
		t.Errorf("confirmed %v, said %v", w.confirms, w.whispers)
	}
}

func TestSocketIsNotOpenedElsewhere(t *testing.T) {
	w := newWorkspace(t)
	c := New(config(w.URL), channeltest.Client(), func(context.Context, string, string) (net.Conn, error) {
		t.Error("it was dialled")
		return nil, errs.New(errs.Denied, "no")
	})
	for _, url := range []string{"", "http://x/", "file:///etc/passwd", "ws://", "://"} {
		w.opens <- `{"ok":true,"url":"` + url + `"}`
		if _, err := c.session(t.Context(), nil); !errs.Is(err, errs.Unavailable) {
			t.Errorf("%q: %v", url, err)
		}
	}
	c.cfg.API = "https://slack.com/api"
	if _, err := c.connect(t.Context(), "ws://wss-primary.slack.com/"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a socket without TLS: %v", err)
	}
	w.opens <- `{"ok":false,"error":"invalid_auth"}`
	c.cfg.API = w.URL + "/api"
	if _, err := c.session(t.Context(), nil); !errs.Is(err, errs.Invalid) {
		t.Errorf("a token that was revoked: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{hello, disconnect, pressed("e1", "ack", "U0ADA"), pressed("e2", "resolve", "W1"), `{"type":"interactive","envelope_id":"e","payload":null}`, `{"envelope_id":7}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		e := parse(frame)
		if e.Press == nil {
			return
		}
		if e.ID == "" && e.Type != "interactive" || e.Press.Value == "" || !place.MatchString(e.Press.User) || !place.MatchString(e.Press.Room) {
			t.Errorf("%+v of %q", e, frame)
		}
	})
}
