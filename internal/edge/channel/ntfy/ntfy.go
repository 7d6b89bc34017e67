package ntfy

import (
	"context"
	"strings"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Config says which server to use. An address is a name of Topics, or a topic itself.
type Config struct {
	URL    string                 `yaml:"url"` // default https://ntfy.sh
	Token  secret.Text            `yaml:"token"`
	Topics map[string]secret.Text `yaml:"topics"`
}

// Check returns what is wrong with the configuration.
func (c Config) Check() (mistakes []string) {
	if c.URL != "" && !strings.HasPrefix(c.URL, "http://") && !strings.HasPrefix(c.URL, "https://") {
		mistakes = append(mistakes, "url must begin with http:// or https://")
	}
	for name, topic := range c.Topics {
		if !isTopic(topic.Reveal()) {
			mistakes = append(mistakes, "topics."+name+" is no topic: it has up to 64 letters, digits, - and _")
		}
	}
	return mistakes
}

func isTopic(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// Channel sends pages by ntfy.
type Channel struct {
	cfg Config
	ask *ask.Client
}

// New returns a channel.
func New(c Config, client *ask.Client) *Channel {
	if c.URL == "" {
		c.URL = "https://ntfy.sh"
	}
	return &Channel{c, client}
}

// Name returns "ntfy".
func (c *Channel) Name() string { return "ntfy" }

// Bounds of ntfy, in bytes.
const (
	maxTitle   = 250
	maxMessage = 4000
)

type action struct {
	Action string `json:"action"`
	Label  string `json:"label"`
	URL    string `json:"url"`
	Method string `json:"method,omitempty"`
	Clear  bool   `json:"clear,omitempty"`
}

// Send publishes the message. The button to acknowledge makes the phone post to the signed link.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	topic := m.Address
	if t, ok := c.cfg.Topics[topic]; ok {
		topic = t.Reveal()
	} else if !isTopic(topic) {
		return "", errs.New(errs.Invalid, "%.80q is no topic of ntfy", m.Address)
	}
	body := map[string]any{"topic": topic, "title": page.Short(m.Title, maxTitle), "message": m.Short(maxMessage), "priority": priority(m)}
	if m.Answerable() {
		body["tags"] = []string{"rotating_light"}
	}
	if m.PageURL != "" {
		body["click"] = m.PageURL
	}
	var actions []action
	if m.AckURL != "" {
		actions = append(actions, action{Action: "http", Label: "Acknowledge", URL: m.AckURL, Method: "POST", Clear: true})
	}
	for _, l := range m.Addresses() {
		if len(actions) < 3 { // that is all that ntfy shows
			actions = append(actions, action{Action: "view", Label: l.Label, URL: l.URL})
		}
	}
	if len(actions) > 0 {
		body["actions"] = actions
	}
	r := ask.Request{Provider: "ntfy", URL: strings.TrimSuffix(c.cfg.URL, "/") + "/", JSON: body}
	if c.cfg.Token.Set() {
		r.Header = map[string]string{"Authorization": "Bearer " + c.cfg.Token.Reveal()}
	}
	reply, err := c.ask.Do(ctx, r)
	if err != nil {
		return "", err
	}
	if err := reply.Err(); err != nil {
		return "", err
	}
	var sent struct {
		ID string `json:"id"`
	}
	if err := reply.Decode(&sent); err != nil || sent.ID == "" {
		return "", errs.New(errs.Unavailable, "ntfy answered %d, but not with a message", reply.Status)
	}
	return "message " + page.Short(sent.ID, 80), nil
}

// priority returns 5, which sounds through the silence of the night, for what is worst, and for a test, which shows that it
// does. What is no page makes no noise.
func priority(m page.Message) int {
	switch {
	case m.Notice:
		return 3
	case m.Test, m.Severity == detect.SEV1, m.Severity == detect.SEV2:
		return 5
	}
	return 4
}
