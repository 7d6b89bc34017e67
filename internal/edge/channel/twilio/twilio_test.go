package twilio

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/channel/channeltest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

const (
	mira   = "+4930123456"
	public = "https://nk.example.org"
	taken  = `{"sid":"SM90c6fc909d8504d45ecdb3a3d5b3556e","status":"queued","error_code":null}`
)

func config(at string) Config {
	return Config{Account: "AC1", Token: secret.New(channeltest.Hidden), From: "+15005550006", URL: at, Callbacks: public}
}

func sms(at string) page.Channel   { return NewSMS(config(at), channeltest.Client()) }
func voice(at string) page.Channel { return NewVoice(config(at), channeltest.Client()) }

func refusal(status, code int) channeltest.Answer {
	return channeltest.Answer{Status: status, Body: fmt.Sprintf(`{"code":%d,"message":"no %s","status":%d}`, code, channeltest.Hidden, status)}
}

func TestAnswers(t *testing.T) {
	limited := refusal(429, 20429)
	limited.Header = map[string]string{"Retry-After": "2"}
	for name, make := range map[string]func(string) page.Channel{"sms": sms, "voice": voice} {
		t.Run(name, func(t *testing.T) {
			channeltest.Table(t, channeltest.Night(mira), make,
				channeltest.Case{Name: "taken", Answer: channeltest.Answer{Status: 201, Body: taken}},
				channeltest.Case{Name: "said nothing", Answer: channeltest.Answer{Status: 200, Body: "ok"}, Code: errs.Unavailable},
				channeltest.Case{Name: "invalid number", Answer: refusal(400, 21211), Code: errs.Invalid},
				channeltest.Case{Name: "stopped", Answer: refusal(400, 21610), Code: errs.Invalid},
				channeltest.Case{Name: "wrong token", Answer: refusal(401, 20003), Code: errs.Invalid},
				channeltest.Case{Name: "limited", Answer: limited, Code: errs.Unavailable, Wait: 2 * time.Second},
				channeltest.Case{Name: "broken inside", Answer: refusal(500, 20500), Code: errs.Unavailable},
			)
		})
	}
	_, err := sms(channeltest.Serve(t, refusal(400, 21610)).URL).Send(t.Context(), channeltest.Night(mira))
	if got := errs.Message(err); got != "the provider of sms answered 400 with the error 21610: the person answered STOP and has to answer START" {
		t.Errorf("a person reads %q", got)
	}
}

// sent returns the form of the one request that a channel makes.
func sent(t *testing.T, make func(string) page.Channel, m page.Message) (channeltest.Request, url.Values) {
	t.Helper()
	p := channeltest.Serve(t, channeltest.Answer{Status: 201, Body: taken})
	if receipt, err := make(p.URL).Send(t.Context(), m); err != nil || receipt != "SM90c6fc909d8504d45ecdb3a3d5b3556e" {
		t.Fatalf("%q, %v", receipt, err)
	}
	r := p.Only(t)
	form, err := url.ParseQuery(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, form
}

func TestMessage(t *testing.T) {
	m := channeltest.Night(mira)
	r, form := sent(t, sms, m)
	if r.Path != "/2010-04-01/Accounts/AC1/Messages.json" || r.User != "AC1" || r.Password != "hunter2" || form.Get("To") != mira || form.Get("From") != "+15005550006" ||
		form.Get("StatusCallback") != public+"/callbacks/sms/status?n=ntf_1" {
		t.Errorf("%+v", r)
	}
	want := "SEV1 checkout: checkout burns its error budget budget burns 15 times too fast <!here> & \"so\"\nReply 4 to acknowledge, 6 to resolve (or: ack " + m.Code() + ")\nhttps://nk.example.org/pages/pg_1"
	if got := form.Get("Body"); got != want {
		t.Errorf("text %q", got)
	}
	long := m
	long.Text = strings.Repeat("long ", 1000)
	if _, form := sent(t, sms, long); len(form.Get("Body")) > 500 {
		t.Errorf("%d bytes", len(form.Get("Body")))
	}
	many := m
	many.More, many.Title, many.AckURL = 6, "SEV1 checkout and 6 more pages", ""
	if _, form := sent(t, sms, many); !strings.HasPrefix(form.Get("Body"), "SEV1 checkout and 6 more pages\nReply 4") {
		t.Errorf("text %q", form.Get("Body"))
	}
	deaf := func(at string) page.Channel {
		c := config(at)
		c.Callbacks, c.From = "", "MG123"
		return NewSMS(c, channeltest.Client())
	}
	if _, form := sent(t, deaf, m); !strings.Contains(form.Get("Body"), m.AckURL) || strings.Contains(form.Get("Body"), "Reply") || form.Has("StatusCallback") || form.Get("MessagingServiceSid") != "MG123" || form.Has("From") {
		t.Errorf("form %v", form)
	}
	if _, form := sent(t, sms, page.Message{Address: mira, Title: "Test", Text: "x", Test: true}); form.Get("Body") != "Test: x" || form.Has("StatusCallback") {
		t.Errorf("form %v", form)
	}
}

// spoken is TwiML as a provider reads it.
type spoken struct {
	Gather []struct {
		Action string   `xml:"action,attr"`
		Digits int      `xml:"numDigits,attr"`
		Say    []string `xml:"Say"`
	} `xml:"Gather"`
	Say     []string  `xml:"Say"`
	Message []string  `xml:"Message"`
	Hangup  *struct{} `xml:"Hangup"`
}

func readTwiML(t *testing.T, text string) (s spoken) {
	t.Helper()
	if err := xml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func TestCall(t *testing.T) {
	r, form := sent(t, voice, channeltest.Night(mira))
	s := readTwiML(t, form.Get("Twiml"))
	if r.Path != "/2010-04-01/Accounts/AC1/Calls.json" || form.Get("To") != mira || form.Get("StatusCallback") != public+"/callbacks/voice/status?n=ntf_1" || len(form.Get("Twiml")) > 4000 {
		t.Errorf("%+v", form)
	}
	if len(s.Gather) != 2 || s.Gather[0].Action != public+"/callbacks/voice/gather?n=ntf_1" || s.Gather[0].Digits != 1 ||
		!strings.HasPrefix(s.Gather[0].Say[0], `This is Nightkeeper. SEV1 checkout. checkout burns its error budget budget burns 15 times too fast <!here> & "so" Press 4`) {
		t.Errorf("%+v", s)
	}
	_, form = sent(t, voice, page.Message{Address: mira, Title: "Test", Text: "x", Test: true})
	if s := readTwiML(t, form.Get("Twiml")); len(s.Gather) != 0 || len(s.Say) != 2 {
		t.Errorf("%+v", s)
	}
	long := channeltest.Night(mira)
	long.Text = strings.Repeat("& ", 5000)
	if _, form = sent(t, voice, long); len(form.Get("Twiml")) > 4000 {
		t.Errorf("%d bytes of TwiML", len(form.Get("Twiml")))
	}
}

func TestNumberThatCannotWork(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 201, Body: taken})
	for _, n := range []string{"", "030123456", "+0301234567", "+49 30 123456", "+49x", "+123456789012345678"} {
		for _, c := range []page.Channel{sms(p.URL), voice(p.URL)} {
			if _, err := c.Send(t.Context(), channeltest.Night(n)); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s %q: %v", c.Name(), n, err)
			}
		}
	}
	if len(p.Requests()) > 0 {
		t.Error("it was tried")
	}
}

// The example of the provider's documentation.
func TestSignature(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675310"}, "Digits": {"1234"}, "From": {"+14158675310"}, "To": {"+18005551212"}}
	const at, want = "https://mycompany.com/myapp.php?foo=1&bar=2", "GvWf1cFY/Q7PnoempGyD5oXAezc="
	if !Verify("12345", at, form, want) {
		t.Errorf("got %s", Sign("12345", at, form))
	}
	if Verify("12346", at, form, want) || Verify("12345", at+"1", form, want) || Verify("12345", at, url.Values{}, want) || Verify("12345", at, form, "") || Verify("", at, form, Sign("", at, form)) {
		t.Error("a wrong signature is right")
	}
}

// heard is a channel whose callbacks a test calls.
type heard struct {
	handler http.Handler
	name    string
	took    []page.Answer
	say     string
	err     error
}

func listen(t *testing.T, c interface {
	page.Listener
	Callbacks() http.Handler
}) *heard {
	t.Helper()
	h := &heard{handler: http.StripPrefix("/callbacks/"+c.Name(), c.Callbacks()), name: c.Name(), say: "mira acknowledged <checkout>"}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	up := make(chan struct{})
	go func() {
		close(up)
		done <- c.Listen(ctx, func(_ context.Context, a page.Answer) (string, error) {
			h.took = append(h.took, a)
			return h.say, h.err
		})
	}()
	<-up
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

// call makes a request of the provider; sign may change the signature.
func (h *heard) call(what string, form url.Values, sign func(string) string) *httptest.ResponseRecorder {
	s := Sign(channeltest.Hidden, public+"/callbacks/"+h.name+"/"+what, form)
	if sign != nil {
		s = sign(s)
	}
	for {
		r := httptest.NewRequest(http.MethodPost, "/callbacks/"+h.name+"/"+what, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Twilio-Signature", s)
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable || h.err != nil { // until it listens
			return w
		}
	}
}

func TestAnswersBySMS(t *testing.T) {
	h := listen(t, NewSMS(config(""), channeltest.Client()))
	f := func(body string, want page.Answer, say string) {
		t.Helper()
		h.took = nil
		w := h.call("incoming", url.Values{"From": {mira}, "To": {"+15005550006"}, "Body": {body}}, nil)
		s := readTwiML(t, w.Body.String())
		if w.Code != 200 || len(s.Message) != 1 || !strings.HasPrefix(s.Message[0], say) {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
		if want == (page.Answer{}) != (len(h.took) == 0) || (len(h.took) == 1 && h.took[0] != want) {
			t.Errorf("%q: took %+v", body, h.took)
		}
	}
	ack, resolve := page.Answer{Kind: page.AnswerAck, From: mira}, page.Answer{Kind: page.AnswerResolve, From: mira}
	coded := ack
	coded.Code = "AB23"
	f("4", ack, "mira acknowledged <checkout>")
	f(" Ack\n", ack, "mira acknowledged")
	f("ack ab23", coded, "mira acknowledged")
	f("6", resolve, "mira")
	f("what?", page.Answer{}, "Reply 4")
	f("4 4 4", page.Answer{}, "Reply 4")
	f("ack abcde", page.Answer{}, "Reply 4")
	f("", page.Answer{}, "Reply 4")
	h.err = errs.New(errs.Denied, "Nightkeeper does not know you")
	f("4", ack, "Nightkeeper does not know you")
	h.err = errs.New(errs.Unavailable, "the database is away")
	f("4", ack, "This could not be written down")
}

func TestKeysOfTheTelephone(t *testing.T) {
	h := listen(t, NewVoice(config(""), channeltest.Client()))
	f := func(digits string, want page.AnswerKind, say string) {
		t.Helper()
		h.took = nil
		w := h.call("gather?n=ntf_1", url.Values{"To": {mira}, "Digits": {digits}}, nil)
		s := readTwiML(t, w.Body.String())
		if want == "" {
			if len(s.Gather) != 1 || len(h.took) != 0 || s.Hangup != nil {
				t.Errorf("%s: %s", digits, w.Body)
			}
			return
		}
		if len(s.Say) != 1 || s.Say[0] != say || s.Hangup == nil || len(h.took) != 1 || h.took[0] != (page.Answer{Notification: "ntf_1", Kind: want, From: mira}) {
			t.Errorf("%s: %s, took %+v", digits, w.Body, h.took)
		}
	}
	f("4", page.AnswerAck, "mira acknowledged <checkout>")
	f("6", page.AnswerResolve, "mira acknowledged <checkout>")
	f("1", "", "")
	f("", "", "")
	h.err = errs.New(errs.Conflict, "the page is already resolved")
	f("4", page.AnswerAck, "the page is already resolved")
}

func TestWhatBecameOfIt(t *testing.T) {
	for _, c := range []struct {
		field, status, code string
		kind                page.AnswerKind
		why                 string
	}{
		{"MessageStatus", "queued", "", "", ""}, {"MessageStatus", "sent", "", "", ""}, {"MessageStatus", "delivered", "", page.AnswerDelivered, ""},
		{"MessageStatus", "undelivered", "30003", page.AnswerFailed, "the network did not deliver it (error 30003)"},
		{"MessageStatus", "failed", "x", page.AnswerFailed, "the network did not deliver it"},
		{"CallStatus", "ringing", "", "", ""}, {"CallStatus", "completed", "", page.AnswerDelivered, ""}, {"CallStatus", "no-answer", "", page.AnswerFailed, "nobody picked up"},
		{"CallStatus", "busy", "", page.AnswerFailed, "the line was busy"}, {"CallStatus", "canceled", "", page.AnswerFailed, "the call was canceled"}, {"Other", "x", "", "", ""},
	} {
		h := listen(t, NewSMS(config(""), channeltest.Client()))
		w := h.call("status?n=ntf_1", url.Values{c.field: {c.status}, "ErrorCode": {c.code}}, nil)
		var want []page.Answer
		if c.kind != "" {
			want = []page.Answer{{Notification: "ntf_1", Kind: c.kind, Why: c.why}}
		}
		if w.Code != http.StatusNoContent || fmt.Sprint(h.took) != fmt.Sprint(want) {
			t.Errorf("%s: %d, took %+v", c.status, w.Code, h.took)
		}
	}
	h := listen(t, NewVoice(config(""), channeltest.Client()))
	f := func(err error, want int) {
		t.Helper()
		h.err = err
		if w := h.call("status?n=ntf_1", url.Values{"CallStatus": {"completed"}}, nil); w.Code != want {
			t.Errorf("%v: %d", err, w.Code)
		}
	}
	f(errs.New(errs.NotFound, "no such notification"), http.StatusNoContent)
	f(errs.New(errs.Unavailable, "away"), http.StatusServiceUnavailable)
}

func TestOnlyTheProviderIsBelieved(t *testing.T) {
	s, v := listen(t, NewSMS(config(""), channeltest.Client())), listen(t, NewVoice(config(""), channeltest.Client()))
	form := url.Values{"From": {mira}, "To": {mira}, "Body": {"4"}, "Digits": {"4"}, "MessageStatus": {"delivered"}, "CallStatus": {"completed"}}
	for what, h := range map[string]*heard{"incoming": s, "status?n=ntf_1": s, "gather?n=ntf_1": v} {
		for name, sign := range map[string]func(string) string{
			"none":              func(string) string { return "" },
			"another":           func(s string) string { return strings.ToLower(s) },
			"another token's":   func(string) string { return Sign("guess", public+"/callbacks/"+h.name+"/"+what, form) },
			"another address's": func(string) string { return Sign(channeltest.Hidden, public+"/callbacks/"+h.name+"/other", form) },
		} {
			if w := h.call(what, form, sign); w.Code != http.StatusForbidden || len(h.took) > 0 {
				t.Errorf("%s, signature: %s: %d, took %+v", what, name, w.Code, h.took)
			}
		}
	}
	c := config("")
	c.Callbacks = ""
	deaf := listen(t, NewSMS(c, channeltest.Client()))
	if w := deaf.call("incoming", form, func(string) string { return Sign(channeltest.Hidden, "/callbacks/sms/incoming", form) }); w.Code != http.StatusForbidden {
		t.Errorf("without an address: %d", w.Code)
	}
	idle := NewSMS(config(""), channeltest.Client())
	r := httptest.NewRequest(http.MethodPost, "/incoming", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Twilio-Signature", Sign(channeltest.Hidden, public+"/callbacks/sms/incoming", form))
	w := httptest.NewRecorder()
	idle.Callbacks().ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("while nobody listens: %d", w.Code)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	good := config("")
	if got := good.Check(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if got := (Config{}).Check(); len(got) != 3 {
		t.Errorf("%q", got)
	}
	if got := (Config{Account: "a/../b", Token: secret.New("x"), From: "MG1", URL: "x", Callbacks: "y"}).Check(); len(got) != 4 {
		t.Errorf("%q", got)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"4", "ack AB23", "resolve", "6 \x00", "ａｃｋ 1234"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		kind, code, ok := read(body)
		if ok != (kind != "") || (code != "" && (!ok || len(code) != 4)) {
			t.Errorf("%q: %s %s %v", body, kind, code, ok)
		}
	})
}

func FuzzCallback(f *testing.F) {
	f.Add("From=%2B4930123456&Body=4", "n=ntf_1", "sig")
	f.Add("Digits=4&To=%2B49", "n=%zz", "")
	f.Add("%", "", "GvWf1cFY/Q7PnoempGyD5oXAezc=")
	v, s := NewVoice(config(""), channeltest.Client()), NewSMS(config(""), channeltest.Client())
	take := page.Take(func(context.Context, page.Answer) (string, error) { return "", errs.New(errs.Internal, "taken") })
	v.take.Store(&take)
	s.take.Store(&take)
	f.Fuzz(func(t *testing.T, body, query, signature string) {
		for path, h := range map[string]http.Handler{"/gather": v.Callbacks(), "/status": s.Callbacks(), "/incoming": s.Callbacks()} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
			r.URL.RawQuery = query
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("X-Twilio-Signature", signature)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusForbidden && w.Code != http.StatusBadRequest {
				t.Errorf("%s %q?%q signed %q: %d", path, body, query, signature, w.Code)
			}
		}
	})
}
