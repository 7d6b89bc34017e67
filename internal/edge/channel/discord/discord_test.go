package discord

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/channel/channeltest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

const taken = `{"id":"1182736","type":0,"channel_id":"1","webhook_id":"2"}`

func channel(url string) page.Channel {
	return New(Config{Rooms: map[string]secret.Text{"ops": secret.New(url + "/api/webhooks/1/" + channeltest.Hidden)}}, channeltest.Client())
}

func TestAnswers(t *testing.T) {
	channeltest.Table(t, channeltest.Night("ops"), channel,
		channeltest.Case{Name: "taken", Answer: channeltest.Answer{Status: 200, Body: taken}},
		channeltest.Case{Name: "said nothing", Answer: channeltest.Answer{Status: 204}, Code: errs.Unavailable},
		channeltest.Case{Name: "limited", Answer: channeltest.Answer{Status: 429, Header: map[string]string{"Retry-After": "1"},
			Body: `{"message":"You are being rate limited.","retry_after":0.529,"global":false}`}, Code: errs.Unavailable, Wait: 529 * time.Millisecond},
		channeltest.Case{Name: "unknown webhook", Answer: channeltest.Answer{Status: 404, Body: `{"message":"Unknown Webhook","code":10015}`}, Code: errs.Invalid},
		channeltest.Case{Name: "invalid token", Answer: channeltest.Answer{Status: 401, Body: `{"message":"Invalid Webhook Token","code":50027}`}, Code: errs.Invalid},
		channeltest.Case{Name: "too long", Answer: channeltest.Answer{Status: 400, Body: `{"embeds":["0"]}`}, Code: errs.Invalid},
	)
}

func TestMessage(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
	m := channeltest.Night("ops")
	m.Text = "a_b @everyone *x* " + strings.Repeat("é", 4000)
	receipt, err := channel(p.URL).Send(t.Context(), m)
	if err != nil || receipt != "message 1182736 in ops" {
		t.Fatalf("%q, %v", receipt, err)
	}
	r := p.Only(t)
	body := r.JSON(t)
	embed := body["embeds"].([]any)[0].(map[string]any)
	text := embed["description"].(string)
	if r.Path != "/api/webhooks/1/hunter2?wait=true" || embed["title"] != "SEV1 checkout" || !strings.HasPrefix(text, `a\_b @everyone \*x\* `) || len([]rune(text)) > 4096 ||
		!strings.Contains(text, "[Acknowledge](https://nk.example.org/ack/token) · [Open](https://nk.example.org/pages/pg_1)") {
		t.Errorf("%s\n%s", r.Path, text)
	}
	if parse := body["allowed_mentions"].(map[string]any)["parse"].([]any); len(parse) != 0 {
		t.Errorf("rings %v", parse)
	}
}

// Discord refuses a description of more than 4,096 characters with all that is in it.
func TestLongLinksDoNotCostTheMessage(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
	m := channeltest.Night("ops")
	m.Text = strings.Repeat("x", 5000)
	long := "https://wiki.example.org/" + strings.Repeat("r", 1900)
	m.Links.Runbook, m.Links.RED, m.Links.Traces = long, "javascript:alert(1)", long+strings.Repeat("t", 100)
	if _, err := channel(p.URL).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	text := p.Only(t).JSON(t)["embeds"].([]any)[0].(map[string]any)["description"].(string)
	if len([]rune(text)) > 4096 || !strings.Contains(text, "/ack/token)") || !strings.Contains(text, "/pages/pg_1)") || strings.Contains(text, "javascript") || strings.Contains(text, "rrr") {
		t.Errorf("%d characters: …%s", len([]rune(text)), text[2900:])
	}
}

func TestRoomThatIsNotThere(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: taken})
	if _, err := channel(p.URL).Send(t.Context(), channeltest.Night("dev")); !errs.Is(err, errs.Invalid) || len(p.Requests()) > 0 {
		t.Errorf("%v", err)
	}
	if got := (Config{}).Check(); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got := (Config{Rooms: map[string]secret.Text{"a": secret.New("x")}}).Check(); len(got) != 1 || strings.Contains(got[0], "x ") {
		t.Errorf("%q", got)
	}
}
