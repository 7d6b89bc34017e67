package twilio

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

// Voice calls people and speaks pages.
type Voice struct{ *line }

// NewVoice returns the channel "voice".
func NewVoice(c Config, client *ask.Client) *Voice { return &Voice{newLine(c, client, "voice")} }

const (
	maxSpoken = 400
	ring      = "35" // seconds, before a mailbox picks up
	menu      = "Press 4 to acknowledge. Press 6 to say that it is over. Press 1 to hear this again."
)

// Send has the provider call. What is said comes with the order, so that the call works when we cannot be reached.
func (v *Voice) Send(ctx context.Context, m page.Message) (string, error) {
	if !number.MatchString(m.Address) {
		return "", errs.New(errs.Invalid, "%.40q is not a telephone number such as +4930123456", m.Address)
	}
	form := url.Values{"To": {m.Address}, "From": {v.cfg.VoiceFrom}, "Timeout": {ring}, "Twiml": {"<Response>" + v.script(m) + "</Response>"}}
	if at := v.callback("status", m.Notification); at != "" && m.Answerable() {
		form.Set("StatusCallback", at)
	}
	return v.post(ctx, "Calls", form)
}

// script is what the call says, twice.
func (v *Voice) script(m page.Message) string {
	text := "This is Nightkeeper. " + page.Short(strings.Join(strings.Fields(m.Title+". "+m.Text), " "), maxSpoken)
	if m.More > 0 {
		text = "This is Nightkeeper. " + page.Short(m.Title, maxSpoken)
	}
	at := v.callback("gather", m.Notification)
	if at == "" || !m.Answerable() {
		return say(text) + `<Pause length="1"/>` + say(text)
	}
	return v.gather(at, text+" "+menu) + v.gather(at, text+" "+menu) + say("Nobody answered. Goodbye.")
}

func (v *Voice) gather(at, text string) string {
	return `<Gather numDigits="1" timeout="6" method="POST" action="` + escape(at) + `">` + say(text) + "</Gather>"
}

func say(text string) string { return "<Say>" + escape(text) + "</Say>" }

// Callbacks returns the handler of what the provider sends: /status and /gather.
func (v *Voice) Callbacks() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /status", v.signed(v.status))
	mux.HandleFunc("POST /gather", v.signed(v.pressed))
	return mux
}

// pressed answers a key.
func (v *Voice) pressed(w http.ResponseWriter, r *http.Request, take page.Take) {
	n := page.NotificationID(r.URL.Query().Get("n"))
	kind := map[string]page.AnswerKind{"4": page.AnswerAck, "6": page.AnswerResolve}[r.PostForm.Get("Digits")]
	if kind == "" || n == "" {
		twiml(w, v.gather(v.callback("gather", n), menu)+say("Nobody answered. Goodbye."))
		return
	}
	text := said(take(r.Context(), page.Answer{Notification: n, Kind: kind, From: r.PostForm.Get("To")}))
	twiml(w, say(page.Short(text, maxSpoken))+"<Hangup/>")
}
