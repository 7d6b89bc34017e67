package mattermost

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/channel/channeltest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

func channel(url string) page.Channel {
	return New(Config{Rooms: map[string]secret.Text{"ops": secret.New(url + "/hooks/" + channeltest.Hidden)}}, channeltest.Client())
}

func TestAnswers(t *testing.T) {
	channeltest.Table(t, channeltest.Night("ops"), channel,
		channeltest.Case{Name: "taken", Answer: channeltest.Answer{Status: 200, Body: "ok"}},
		channeltest.Case{Name: "limited", Answer: channeltest.Answer{Status: 429, Header: map[string]string{"X-Ratelimit-Reset": "3"}}, Code: errs.Unavailable, Wait: 3 * time.Second},
		channeltest.Case{Name: "no such hook", Answer: channeltest.Answer{Status: 400, Body: `{"id":"web.incoming_webhook.invalid.app_error","status_code":400}`}, Code: errs.Invalid},
		channeltest.Case{Name: "room was deleted", Answer: channeltest.Answer{Status: 404}, Code: errs.Invalid},
	)
}

func TestMessage(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: "ok"})
	m := channeltest.Night("ops")
	m.Title, m.Text = "SEV1 check_out @channel", "a_b @all "+strings.Repeat("é", 20000)
	receipt, err := channel(p.URL).Send(t.Context(), m)
	if err != nil || receipt != "accepted for ops" {
		t.Fatalf("%q, %v", receipt, err)
	}
	r := p.Only(t)
	a := r.JSON(t)["attachments"].([]any)[0].(map[string]any)
	text := a["text"].(string)
	if r.Path != "/hooks/hunter2" || a["title"] != `SEV1 check\_out @`+"\u200bchannel" || a["title_link"] != m.PageURL || !strings.HasPrefix(text, `a\_b @`+"\u200ball ") || len(text) > 9000 ||
		!strings.HasSuffix(text, "[Acknowledge](https://nk.example.org/ack/token) · [Open](https://nk.example.org/pages/pg_1) · [Rate, errors, duration](https://nk.example.org/services/checkout)") {
		t.Errorf("%s %v\n%s", r.Path, a["title"], text)
	}
}

func TestRoomThatIsNotThere(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200, Body: "ok"})
	if _, err := channel(p.URL).Send(t.Context(), channeltest.Night("dev")); !errs.Is(err, errs.Invalid) || len(p.Requests()) > 0 {
		t.Errorf("%v", err)
	}
	if got := (Config{}).Check(); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got := (Config{Rooms: map[string]secret.Text{"a": secret.New("ftp://x")}}).Check(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}
