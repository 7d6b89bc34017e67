package telegram

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nightkeeper/internal/edge/channel/channeltest"
	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

const (
	token = "110201543:" + channeltest.Hidden
	taken = `{"ok":true,"result":{"message_id":42,"chat":{"id":4711,"type":"private"}}}`
)

func channel(url string) page.Channel {
	return New(Config{Token: secret.New(token), API: url + "/"}, channeltest.Client())
}

func TestAnswers(t *testing.T) {
	refusal := func(status int, text, more string) channeltest.Answer {
		return channeltest.Answer{Status: status, Body: fmt.Sprintf(`{"ok":false,"error_code":%d,"description":"%s %s"%s}`, status, text, channeltest.Hidden, more)}
	}
	channeltest.Table(t, channeltest.Night("4711"), channel,
		channeltest.Case{Name: "taken", Answer: channeltest.Answer{Status: 200, Body: taken}},
		channeltest.Case{Name: "not ok", Answer: channeltest.Answer{Status: 200, Body: `{"ok":false}`}, Code: errs.Unavailable},
		channeltest.Case{Name: "no JSON", Answer: channeltest.Answer{Status: 200, Body: "<html>"}, Code: errs.Unavailable},
		channeltest.Case{Name: "limited", Answer: refusal(429, "Too Many Requests: retry after 5", `,"parameters":{"retry_after":5}`), Code: errs.Unavailable, Wait: 5 * time.Second},
		channeltest.Case{Name: "blocked", Answer: refusal(403, "Forbidden: bot was blocked by the user", ""), Code: errs.Invalid},
		channeltest.Case{Name: "no chat", Answer: refusal(400, "Bad Request: chat not found", ""), Code: errs.Invalid},
		channeltest.Case{Name: "wrong token", Answer: refusal(401, "Unauthorized", ""), Code: errs.Invalid},
	)
	_, err := channel(channeltest.Serve(t, refusal(400, "Bad Request: chat not found", "")).URL).Send(t.Context(), channeltest.Night("4711"))
	if got := errs.Message(err); got != "Telegram answered 400: there is no such chat, or the person has not started the bot" {
		t.Errorf("a person reads %q", got)
	}
}

func TestMessage(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
	m := channeltest.Night("4711")
	receipt, err := channel(p.URL).Send(t.Context(), m)
	if err != nil || receipt != "4711/42" {
		t.Fatalf("%q, %v", receipt, err)
	}
	r := p.Only(t)
	body := r.JSON(t)
	if r.Path != "/bot"+token+"/sendMessage" || body["chat_id"] != "4711" || body["parse_mode"] != "HTML" ||
		!strings.HasPrefix(body["text"].(string), "<b>SEV1 checkout</b>\ncheckout burns its error budget\n\nbudget burns 15 times too fast &lt;!here&gt; &amp; &#34;so&#34;\n\n<a href=\"https://nk.example.org/pages/pg_1\">Open</a>") {
		t.Errorf("%s %v", r.Path, body)
	}
	f := func(what string, m page.Message, want string) {
		t.Helper()
		p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
		if _, err := channel(p.URL).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		b := p.Only(t).JSON(t)
		if got := fmt.Sprint(b["reply_markup"].(map[string]any)["inline_keyboard"]); got != want {
			t.Errorf("%s: %s", what, got)
		}
		if n := len([]rune(b["text"].(string))); n > 30000 {
			t.Errorf("%s: %d characters", what, n)
		}
	}
	f("one page", m, "[[map[callback_data:ack:ntf_1 text:Acknowledge] map[callback_data:resolve:ntf_1 text:Resolve]]]")
	many := m
	many.More, many.Text = 4, strings.Repeat("&", 9999)
	f("many pages", many, "[[map[callback_data:ack:ntf_1 text:Acknowledge all]]]")
	f("a test", page.Message{Address: "4711", Title: "Test", Test: true}, "[]")
	for _, a := range []string{"", "ada", "47 11", "@a b", "4711/x"} {
		if _, err := channel(p.URL).Send(t.Context(), channeltest.Night(a)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", a, err)
		}
	}
}

func TestMessageIsChangedWithItsPage(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: `{"ok":true,"result":true}`})
	m := channeltest.Night("4711")
	m.Status = "Acknowledged by ada"
	c := channel(p.URL).(*Channel)
	if err := c.Update(t.Context(), m, "4711/42"); err != nil {
		t.Fatal(err)
	}
	r := p.Only(t)
	body := r.JSON(t)
	if r.Path != "/bot"+token+"/editMessageText" || body["message_id"] != 42.0 || !strings.Contains(body["text"].(string), "<b>Acknowledged by ada</b>") || strings.Contains(r.Body, "callback_data") {
		t.Errorf("%s %v", r.Path, body)
	}
	for _, receipt := range []string{"", "x/y", "4711"} {
		if err := c.Update(t.Context(), m, receipt); err != nil || len(p.Requests()) != 1 {
			t.Errorf("%q: %v", receipt, err)
		}
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	if got := (Config{Token: secret.New(token)}).Check(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if got := (Config{Token: secret.New("../x"), API: "telegram"}).Check(); len(got) != 2 || strings.Contains(got[0], "../x") {
		t.Errorf("%q", got)
	}
}

// bot is Telegram with updates that stay until they are confirmed by a higher offset.
type bot struct {
	*httptest.Server
	mu      sync.Mutex
	updates []string // whose ids count from 1
	said    chan string
	offsets []int64
}

func newBot(t *testing.T, updates ...string) *bot {
	t.Helper()
	b := &bot{updates: updates, said: make(chan string, 99)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.HasSuffix(r.URL.Path, "/getUpdates") {
			b.said <- r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:] + " " + string(body)
			fmt.Fprint(w, `{"ok":true,"result":true}`)
			return
		}
		var in struct{ Offset int64 }
		_ = json.Unmarshal(body, &in)
		b.mu.Lock()
		b.offsets = append(b.offsets, in.Offset)
		var out []string
		for i, u := range b.updates {
			if int64(i+1) >= in.Offset {
				out = append(out, u)
			}
		}
		b.mu.Unlock()
		if len(out) == 0 {
			<-r.Context().Done() // a long poll without news
			return
		}
		fmt.Fprintf(w, `{"ok":true,"result":[%s]}`, strings.Join(out, ","))
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bot) listen(t *testing.T, take page.Take) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- channel(b.URL).(*Channel).Listen(ctx, take) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func pressed(id int, data string, from int) string {
	return fmt.Sprintf(`{"update_id":%d,"callback_query":{"id":"q%d","from":{"id":%d,"is_bot":false},"message":{"message_id":42,"chat":{"id":4711}},"data":"%s"}}`, id, id, from, data)
}

func TestPressIsTakenAndAnswered(t *testing.T) {
	b := newBot(t, pressed(1, "ack:ntf_1", 4711), pressed(2, "resolve:ntf_2", 666), pressed(3, "dance", 4711),
		`{"update_id":4,"message":{"text":"/start","chat":{"id":-99}}}`, `{"update_id":5,"poll":{}}`)
	took := make(chan page.Answer, 9)
	b.listen(t, func(_ context.Context, a page.Answer) (string, error) {
		took <- a
		if a.From == "666" {
			return "", errs.New(errs.Denied, "Nightkeeper does not know you")
		}
		return "ada acknowledged SEV1 checkout", nil
	})
	if a := <-took; a != (page.Answer{Notification: "ntf_1", Kind: page.AnswerAck, From: "4711"}) {
		t.Errorf("%+v", a)
	}
	if a := <-took; a != (page.Answer{Notification: "ntf_2", Kind: page.AnswerResolve, From: "666"}) {
		t.Errorf("%+v", a)
	}
	for _, want := range []string{`"text":"ada acknowledged SEV1 checkout"`, `"show_alert":true,"text":"Nightkeeper does not know you"`, `the number -99`} {
		if got := <-b.said; !strings.Contains(got, want) {
			t.Errorf("said %s, want %s", got, want)
		}
	}
	if len(took) > 0 {
		t.Errorf("more answers: %+v", <-took)
	}
}

func TestAnswerThatIsNotWrittenComesAgain(t *testing.T) {
	b := newBot(t, pressed(1, "ack:ntf_1", 4711), pressed(2, "ack:ntf_2", 4711))
	took := make(chan page.Answer, 9)
	tries := 0
	b.listen(t, func(_ context.Context, a page.Answer) (string, error) {
		if tries++; tries == 2 {
			return "", errs.New(errs.Unavailable, "the database is away")
		}
		took <- a
		return "yes", nil
	})
	for _, want := range []page.NotificationID{"ntf_1", "ntf_2"} {
		if a := <-took; a.Notification != want {
			t.Errorf("%+v, want %s", a, want)
		}
		<-b.said
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if fmt.Sprint(b.offsets[:2]) != "[0 2]" {
		t.Errorf("offsets %v", b.offsets)
	}
}

// refusing is a transport that notes when it is asked, and refuses.
type refusing struct {
	from time.Time
	at   []int
}

func (r *refusing) RoundTrip(*http.Request) (*http.Response, error) {
	r.at = append(r.at, int(time.Since(r.from).Seconds()))
	return nil, errs.New(errs.Unavailable, "away")
}

func TestTelegramThatIsAwayIsAskedLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &refusing{from: time.Now()}
		err := New(Config{Token: secret.New(token)}, ask.New(rt)).Listen(t.Context(), nil)
		if got := fmt.Sprint(rt.at, int(time.Since(rt.from).Seconds())); got != "[0 1 3 7 15 31 63] 123" || !errs.Is(err, errs.Unavailable) || strings.Contains(err.Error(), channeltest.Hidden) {
			t.Errorf("asked at %s, then %v", got, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{pressed(1, "ack:ntf_1", 4711), pressed(2, "resolve:x", 1), `{"update_id":4,"message":{"text":"/start@bot","chat":{"id":-99}}}`, `{"update_id":"x"}`, `[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u := parse(b)
		if u.press != "" && (u.notification == "" || u.from == "" || u.from == "0" || (u.kind != page.AnswerAck && u.kind != page.AnswerResolve)) {
			t.Errorf("%+v of %q", u, b)
		}
	})
}
