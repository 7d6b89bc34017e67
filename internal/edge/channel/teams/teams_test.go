package teams

import (
	"strings"
	"testing"

	"nightkeeper/internal/edge/channel/channeltest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

func channel(url string) page.Channel {
	return New(Config{Rooms: map[string]secret.Text{"ops": secret.New(url + "/workflows/1/triggers/manual/paths/invoke?sig=" + channeltest.Hidden)}}, channeltest.Client())
}

func TestAnswers(t *testing.T) {
	channeltest.Table(t, channeltest.Night("ops"), channel,
		channeltest.Case{Name: "taken", Answer: channeltest.Answer{Status: 202}},
		channeltest.Case{Name: "wrong signature", Answer: channeltest.Answer{Status: 401, Body: `{"error":{"code":"AuthorizationFailed"}}`}, Code: errs.Invalid},
		channeltest.Case{Name: "workflow is gone", Answer: channeltest.Answer{Status: 404, Body: `{"error":{"code":"WorkflowNotFound"}}`}, Code: errs.Invalid},
		channeltest.Case{Name: "workflow is switched off", Answer: channeltest.Answer{Status: 400, Body: `{"error":{"code":"WorkflowTriggerIsNotEnabled"}}`}, Code: errs.Invalid},
	)
}

func TestCard(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 202})
	m := channeltest.Night("ops")
	m.Text = "first_line\n\nsecond\n" + strings.Repeat("long\n", 20000)
	receipt, err := channel(p.URL).Send(t.Context(), m)
	if err != nil || receipt != "the workflow of ops answered 202" {
		t.Fatalf("%q, %v", receipt, err)
	}
	r := p.Only(t)
	a := r.JSON(t)["attachments"].([]any)[0].(map[string]any)
	card := a["content"].(map[string]any)
	body, actions := card["body"].([]any), card["actions"].([]any)
	if a["contentType"] != "application/vnd.microsoft.card.adaptive" || card["type"] != "AdaptiveCard" || len(r.Body) > 28<<10 {
		t.Errorf("%d bytes, %v", len(r.Body), a["contentType"])
	}
	if body[0].(map[string]any)["text"] != "SEV1 checkout" || body[1].(map[string]any)["text"] != `first\_line` || body[2].(map[string]any)["text"] != "second" {
		t.Errorf("body %v", body[:3])
	}
	if ack := actions[0].(map[string]any); ack["type"] != "Action.OpenUrl" || ack["title"] != "Acknowledge" || ack["url"] != m.AckURL || len(actions) != 3 {
		t.Errorf("actions %v", actions)
	}
}

func TestRoomThatIsNotThere(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 202})
	if _, err := channel(p.URL).Send(t.Context(), channeltest.Night("dev")); !errs.Is(err, errs.Invalid) || len(p.Requests()) > 0 {
		t.Errorf("%v", err)
	}
	for at, want := range map[string]int{"https://prod.westeurope.logic.azure.com/x": 0, "https://x.webhook.office.com/webhookb2/1": 1, "x": 1} {
		if got := (Config{Rooms: map[string]secret.Text{"a": secret.New(at)}}).Check(); len(got) != want {
			t.Errorf("%s: %q", at, got)
		}
	}
	if got := (Config{}).Check(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}
