package ntfy

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/channel/channeltest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

const taken = `{"id":"sPs71M8A2T","time":1735941771,"event":"message","topic":"t"}`

func channel(url string) page.Channel {
	return New(Config{URL: url, Token: secret.New("tk_" + channeltest.Hidden), Topics: map[string]secret.Text{"mira": secret.New("t-" + channeltest.Hidden)}}, channeltest.Client())
}

func TestAnswers(t *testing.T) {
	channeltest.Table(t, channeltest.Night("mira"), channel,
		channeltest.Case{Name: "taken", Answer: channeltest.Answer{Status: 200, Body: taken}},
		channeltest.Case{Name: "a page of a proxy", Answer: channeltest.Answer{Status: 200, Body: "<html>sign in"}, Code: errs.Unavailable},
		channeltest.Case{Name: "wrong token", Answer: channeltest.Answer{Status: 401, Body: `{"code":40101,"http":401,"error":"unauthorized"}`}, Code: errs.Invalid},
		channeltest.Case{Name: "invalid topic", Answer: channeltest.Answer{Status: 400, Body: `{"code":40009,"http":400,"error":"invalid request: topic invalid"}`}, Code: errs.Invalid},
		channeltest.Case{Name: "too large", Answer: channeltest.Answer{Status: 413, Body: `{"code":41301}`}, Code: errs.Invalid},
		channeltest.Case{Name: "limited", Answer: channeltest.Answer{Status: 429, Body: `{"code":42901,"http":429,"error":"limit reached: too many requests"}`}, Code: errs.Unavailable},
		channeltest.Case{Name: "limited for a second", Answer: channeltest.Answer{Status: 429, Header: map[string]string{"Retry-After": "1"}}, Code: errs.Unavailable, Wait: time.Second},
	)
}

func TestMessageWakes(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
	receipt, err := channel(p.URL).Send(t.Context(), channeltest.Night("mira"))
	if err != nil || receipt != "message sPs71M8A2T" {
		t.Fatalf("%q, %v", receipt, err)
	}
	r := p.Only(t)
	m := r.JSON(t)
	if r.Path != "/" || r.Header.Get("Authorization") != "Bearer tk_hunter2" || m["topic"] != "t-hunter2" || m["priority"] != 5.0 || m["title"] != "SEV1 checkout" ||
		m["click"] != "https://nk.example.org/pages/pg_1" {
		t.Errorf("%+v", r)
	}
	actions := m["actions"].([]any)
	ack := actions[0].(map[string]any)
	if len(actions) != 3 || ack["action"] != "http" || ack["method"] != "POST" || ack["url"] != "https://nk.example.org/ack/token" {
		t.Errorf("actions %v", actions)
	}
}

func TestMessagesOfAllKinds(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
	c := New(Config{URL: p.URL + "/"}, channeltest.Client())
	long := channeltest.Night("plain-topic")
	long.Severity, long.Text = detect.SEV3, strings.Repeat("ä", 5000)
	test := page.Message{Address: "plain-topic", Title: "Test", Text: "x", Test: true}
	for _, m := range []page.Message{long, test} {
		if _, err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Send(t.Context(), page.Message{Address: "plain-topic", Title: "You are on call", Notice: true}); err != nil {
		t.Fatal(err)
	}
	if n := p.Requests()[2].JSON(t); n["priority"] != 3.0 || n["tags"] != nil {
		t.Errorf("a notice wakes: %v", n)
	}
	first, second := p.Requests()[0].JSON(t), p.Requests()[1].JSON(t)
	if len(first["message"].(string)) > maxMessage || first["priority"] != 4.0 || first["topic"] != "plain-topic" {
		t.Errorf("%v", first)
	}
	if second["actions"] != nil || second["priority"] != 5.0 || second["click"] != nil {
		t.Errorf("there is nothing to answer in %v", second)
	}
	for _, address := range []string{"", "a b", "a/b", strings.Repeat("a", 65)} {
		if _, err := c.Send(t.Context(), channeltest.Night(address)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if len(p.Requests()) != 3 {
		t.Error("an address that cannot work was tried")
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	if got := (Config{URL: "ntfy.sh", Topics: map[string]secret.Text{"a": secret.New("b c")}}).Check(); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if got := (Config{Topics: map[string]secret.Text{"a": secret.New("b")}}).Check(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
