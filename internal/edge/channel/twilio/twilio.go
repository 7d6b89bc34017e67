package twilio

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

// Config says how to speak with the provider. Callbacks is our address as the provider reaches it.
type Config struct {
	Account   string      `yaml:"account"`
	Token     secret.Text `yaml:"token"`
	From      string      `yaml:"from"`      // a number, or for SMS the id of a messaging service
	VoiceFrom string      `yaml:"voiceFrom"` // default from
	URL       string      `yaml:"url"`       // default https://api.twilio.com
	Callbacks string      `yaml:"callbacks"` // such as https://nightkeeper.example.com; empty: no answers come back
}

var (
	number  = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	account = regexp.MustCompile(`^[A-Za-z0-9_-]{2,64}$`)
)

// Check returns what is wrong with the configuration.
func (c Config) Check() (mistakes []string) {
	wrong := func(bad bool, text string) {
		if bad {
			mistakes = append(mistakes, text)
		}
	}
	wrong(!account.MatchString(c.Account), "account is not the id of an account")
	wrong(!c.Token.Set(), "token is missing")
	wrong(!number.MatchString(c.From) && !strings.HasPrefix(c.From, "MG"), "from is neither a number such as +15005550006 nor the id of a messaging service")
	wrong(c.VoiceFrom != "" && !number.MatchString(c.VoiceFrom), "voiceFrom is not a number such as +15005550006")
	wrong(c.VoiceFrom == "" && strings.HasPrefix(c.From, "MG"), "voiceFrom is missing: a messaging service cannot call")
	for name, at := range map[string]string{"url": c.URL, "callbacks": c.Callbacks} {
		wrong(at != "" && !strings.HasPrefix(at, "https://") && !strings.HasPrefix(at, "http://"), name+" must begin with http:// or https://")
	}
	return mistakes
}

// line is what SMS and voice share.
type line struct {
	cfg  Config
	ask  *ask.Client
	name string
	take atomic.Pointer[page.Take]
}

func newLine(c Config, client *ask.Client, name string) *line {
	if c.URL == "" {
		c.URL = "https://api.twilio.com"
	}
	if c.VoiceFrom == "" {
		c.VoiceFrom = c.From
	}
	c.URL, c.Callbacks = strings.TrimSuffix(c.URL, "/"), strings.TrimSuffix(c.Callbacks, "/")
	return &line{cfg: c, ask: client, name: name}
}

// Name returns the name of the channel.
func (l *line) Name() string { return l.name }

// Listen has the callbacks give answers to take until ctx ends.
func (l *line) Listen(ctx context.Context, take page.Take) error {
	l.take.Store(&take)
	defer l.take.Store(nil)
	<-ctx.Done()
	return nil
}

// post makes a message or a call.
func (l *line) post(ctx context.Context, what string, form url.Values) (string, error) {
	reply, err := l.ask.Do(ctx, ask.Request{Provider: "the provider of " + l.name, URL: l.cfg.URL + "/2010-04-01/Accounts/" + l.cfg.Account + "/" + what + ".json",
		User: l.cfg.Account, Password: l.cfg.Token.Reveal(), Form: form})
	if err != nil {
		return "", err
	}
	var out struct {
		SID  string `json:"sid"`
		Code int    `json:"code"`
	}
	derr := reply.Decode(&out)
	if err := reply.Err(); err != nil {
		if out.Code > 0 {
			e := errs.New(errs.CodeOf(err), "the provider of %s answered %d with the error %d%s", l.name, reply.Status, out.Code, known[out.Code])
			e.Wait = errs.WaitOf(err)
			return "", e
		}
		return "", err
	}
	if derr != nil || out.SID == "" {
		return "", errs.New(errs.Unavailable, "the provider of %s answered %d, but not with a message", l.name, reply.Status)
	}
	return page.Short(out.SID, 60), nil
}

// known are errors that people can do something about.
var known = map[int]string{
	20003: ": account or token is wrong", 20429: ": too many requests", 21211: ": the number is not valid", 21214: ": the number cannot be called",
	21215: ": calls to that country are not allowed by the account", 21408: ": messages to that country are not allowed by the account",
	21606: ": from is not a number of the account", 21608: ": a trial account may only reach verified numbers",
	21610: ": the person answered STOP and has to answer START", 21612: ": from cannot reach that number", 21614: ": the number is no mobile",
}

// callback returns the address of one of our callbacks, "" when the provider cannot reach us.
func (l *line) callback(what string, n page.NotificationID) string {
	if l.cfg.Callbacks == "" {
		return ""
	}
	return l.cfg.Callbacks + "/callbacks/" + l.name + "/" + what + "?n=" + url.QueryEscape(string(n))
}

// signed lets through what the provider signed, with its form read.
func (l *line) signed(h func(w http.ResponseWriter, r *http.Request, take page.Take)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, "the form cannot be read", http.StatusBadRequest)
			return
		}
		at := l.cfg.Callbacks + "/callbacks/" + l.name + r.URL.EscapedPath()
		if r.URL.RawQuery != "" {
			at += "?" + r.URL.RawQuery
		}
		if l.cfg.Callbacks == "" || !Verify(l.cfg.Token.Reveal(), at, r.PostForm, r.Header.Get("X-Twilio-Signature")) {
			http.Error(w, "the signature is not right; is callbacks the address that the provider calls?", http.StatusForbidden)
			return
		}
		take := l.take.Load()
		if take == nil {
			http.Error(w, "starting or stopping", http.StatusServiceUnavailable)
			return
		}
		h(w, r, *take)
	}
}

// status records what became of a message or a call.
func (l *line) status(w http.ResponseWriter, r *http.Request, take page.Take) {
	kind, why := outcome(r.PostForm)
	if kind == "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_, err := take(r.Context(), page.Answer{Notification: page.NotificationID(r.URL.Query().Get("n")), Kind: kind, Why: why})
	if errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Internal) {
		http.Error(w, "not written", http.StatusServiceUnavailable) // the provider may come again
		return
	}
	w.WriteHeader(http.StatusNoContent) // also for what is not known: it will not be known the next time
}

// outcome reads a status of a message or of a call; kind is empty while it is under way.
func outcome(f url.Values) (kind page.AnswerKind, why string) {
	status := f.Get("MessageStatus")
	if status == "" {
		status = f.Get("CallStatus")
	}
	switch status {
	case "delivered", "read", "completed":
		return page.AnswerDelivered, ""
	case "undelivered", "failed", "busy", "no-answer", "canceled":
		why = map[string]string{"busy": "the line was busy", "no-answer": "nobody picked up", "canceled": "the call was canceled"}[status]
		if why == "" {
			why = "the network did not deliver it"
		}
		if code, err := strconv.Atoi(f.Get("ErrorCode")); err == nil && code > 0 {
			why += " (error " + strconv.Itoa(code) + ")"
		}
		return page.AnswerFailed, why
	}
	return "", ""
}

// said is what to tell a person, whatever take answered.
func said(say string, err error) string {
	switch {
	case errs.Is(err, errs.Unavailable), errs.Is(err, errs.Internal):
		return "This could not be written down. Please try again."
	case err != nil:
		return errs.Message(err)
	}
	return say
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

func twiml(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write([]byte(xml.Header + "<Response>" + body + "</Response>")) // the provider may have hung up
}
