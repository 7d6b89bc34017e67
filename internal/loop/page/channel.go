package page

import (
	"context"
	"crypto/sha256"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"nightkeeper/internal/loop/detect"
)

// Message is what a person gets to read. Links, PageURL and AckURL are complete addresses, or empty when there is none.
type Message struct {
	Notification NotificationID  `json:"notification"` // the same for each retry: a receiver can drop repeats
	Page         ID              `json:"page"`
	Person       string          `json:"person"`
	Address      string          `json:"-"`
	Severity     detect.Severity `json:"severity"`
	Service      string          `json:"service"`
	Title        string          `json:"title"`
	Text         string          `json:"text"`
	Links        detect.Links    `json:"links"`
	PageURL      string          `json:"page_url"`
	AckURL       string          `json:"ack_url"`
	At           time.Time       `json:"at"`
	More         int             `json:"more,omitempty"`   // how many other pages the text lists too
	Status       string          `json:"status,omitempty"` // what became of the page; empty while it waits for an answer
	Test         bool            `json:"test,omitempty"`   // only to see whether messages arrive: there is nothing to answer
	Notice       bool            `json:"notice,omitempty"` // about being on call, not a page: there is nothing to answer
	Alarm        bool            `json:"alarm,omitempty"`  // pages do not arrive: as loud as a page, and there is nothing to answer
}

// Answerable reports whether there is something to acknowledge.
func (m Message) Answerable() bool { return !m.Test && !m.Notice && !m.Alarm && m.Status == "" }

// Code returns four characters that a person can write to say which message is meant.
func (m Message) Code() string { return codeOf(m.Notification) }

func codeOf(n NotificationID) string {
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789" // none that look alike
	sum := sha256.Sum256([]byte(n))
	out := make([]byte, 4)
	for i := range out {
		out[i] = letters[int(sum[i])%len(letters)]
	}
	return string(out)
}

// Short returns the text in at most n bytes; what is cut off is marked.
func (m Message) Short(n int) string { return Short(m.Text, n) }

// Short returns a text in at most n bytes of whole characters; what is cut off is marked.
func Short(s string, n int) string {
	const mark = "…"
	if len(s) <= n {
		return s
	}
	end := max(n-len(mark), 0)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// Link is an address with the word for it.
type Link struct{ Label, URL string }

// longestLink bounds a link in a message: a provider refuses a whole message for one that is too long.
const longestLink = 2000

// Addresses returns the links of a message that has them, what to do first. The link to acknowledge is not among them, nor
// is what is no address of the web or too long for a message: senders write what they like, and it stays on the page.
func (m Message) Addresses() []Link {
	all := []Link{{"Open", m.PageURL}, {"Runbook", m.Links.Runbook}, {"Rate, errors, duration", m.Links.RED}, {"Traces", m.Links.Traces},
		{"Where the time goes", m.Links.Profile}}
	return slices.DeleteFunc(all, func(l Link) bool {
		u, err := url.Parse(l.URL)
		return err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || len(l.URL) > longestLink
	})
}

// Channel delivers messages by one medium. Name is the word that contacts use.
//
// Send returns a receipt only when the provider accepted the message. An error with code invalid will never succeed
// (a wrong address) and is not retried; any other error is, not before the wait that it carries (errs.WaitOf). Send may be
// called again with the same message, and by many goroutines. Neither receipt nor error has a secret in it.
type Channel interface {
	Name() string
	Send(ctx context.Context, m Message) (receipt string, err error)
}

// Listener is a Channel that also brings answers back.
//
// Listen hears them until ctx ends and gives each to take; it returns an error when it cannot hear any more and wants to
// be called again. The text that take returns is for the person who answered. An error of take with code unavailable means
// that nothing is written yet: where the provider can, it should bring the answer again.
type Listener interface {
	Channel
	Listen(ctx context.Context, take Take) error
}

// Updater is a Channel that can change a message that it sent; m has its Status then. The errors are those of Send.
type Updater interface {
	Channel
	Update(ctx context.Context, m Message, receipt string) error
}

// Take records an answer and returns what to say to the person.
type Take func(ctx context.Context, a Answer) (say string, err error)

// Answer is what came back about a notification. From is who answers, as the channel knows people; empty is the person who
// was told. Why is the reason of a failure. A channel that cannot know the notification leaves it empty and gives the code
// that the person wrote, see Message.Code, or no code for the newest message to From.
type Answer struct {
	Notification NotificationID
	Code         string
	Kind         AnswerKind
	From         string
	Why          string
}

// AnswerKind is what an answer says.
type AnswerKind string

// Answers. The first two are of people, the others of the provider.
const (
	AnswerAck       AnswerKind = "acknowledge"
	AnswerResolve   AnswerKind = "resolve"
	AnswerDelivered AnswerKind = "delivered"
	AnswerFailed    AnswerKind = "failed"
)
