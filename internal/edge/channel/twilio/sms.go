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

// SMS sends pages as text messages.
type SMS struct{ *line }

// NewSMS returns the channel "sms".
func NewSMS(c Config, client *ask.Client) *SMS { return &SMS{newLine(c, client, "sms")} }

// maxSMS is how much of a page is in a message: what a person pays attention to, and pays for.
const maxSMS = 300

// Send hands the message to the provider.
func (s *SMS) Send(ctx context.Context, m page.Message) (string, error) {
	if !number.MatchString(m.Address) {
		return "", errs.New(errs.Invalid, "%.40q is not a telephone number such as +4930123456", m.Address)
	}
	form := url.Values{"To": {m.Address}, "Body": {s.text(m)}}
	if strings.HasPrefix(s.cfg.From, "MG") {
		form.Set("MessagingServiceSid", s.cfg.From)
	} else {
		form.Set("From", s.cfg.From)
	}
	if at := s.callback("status", m.Notification); at != "" && m.Answerable() {
		form.Set("StatusCallback", at)
	}
	return s.post(ctx, "Messages", form)
}

func (s *SMS) text(m page.Message) string {
	title, text := m.Title, strings.Join(strings.Fields(m.Text), " ")
	if m.More > 0 { // the list is behind the link
		text = ""
	}
	out := page.Short(title+": "+text, maxSMS)
	if text == "" {
		out = page.Short(title, maxSMS)
	}
	if m.Answerable() {
		if s.cfg.Callbacks != "" {
			out += "\nReply 4 to acknowledge, 6 to resolve (or: ack " + m.Code() + ")"
		} else if m.AckURL != "" {
			out += "\nAcknowledge: " + m.AckURL
		}
	}
	if m.PageURL != "" {
		out += "\n" + m.PageURL
	}
	return out
}

// Callbacks returns the handler of what the provider sends: /status and /incoming.
func (s *SMS) Callbacks() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /status", s.signed(s.status))
	mux.HandleFunc("POST /incoming", s.signed(s.incoming))
	return mux
}

// incoming answers a message of a person.
func (s *SMS) incoming(w http.ResponseWriter, r *http.Request, take page.Take) {
	kind, code, ok := read(r.PostForm.Get("Body"))
	say := "Reply 4 to acknowledge the newest page, 6 to resolve it, or ack CODE."
	if ok {
		say = said(take(r.Context(), page.Answer{Kind: kind, Code: code, From: r.PostForm.Get("From")}))
	}
	twiml(w, "<Message>"+escape(page.Short(say, maxSMS))+"</Message>")
}

// read reads what a person wrote: 4, 6, "ack", "resolve", each perhaps with a code.
func read(body string) (kind page.AnswerKind, code string, ok bool) {
	words := strings.Fields(strings.ToUpper(body))
	if len(words) == 0 || len(words) > 2 {
		return "", "", false
	}
	switch words[0] {
	case "4", "ACK", "ACKNOWLEDGE":
		kind = page.AnswerAck
	case "6", "RESOLVE":
		kind = page.AnswerResolve
	default:
		return "", "", false
	}
	if len(words) == 2 {
		code = words[1]
		if len(code) != 4 {
			return "", "", false
		}
	}
	return kind, code, true
}
