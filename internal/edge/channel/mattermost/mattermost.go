package mattermost

import (
	"context"
	"strconv"
	"strings"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Config names the rooms: an address is a name, its secret the address of an incoming webhook.
type Config struct {
	Rooms map[string]secret.Text `yaml:"rooms"`
}

// Check returns what is wrong with the configuration.
func (c Config) Check() (mistakes []string) {
	if len(c.Rooms) == 0 {
		mistakes = append(mistakes, "rooms is empty: name at least one room and its webhook")
	}
	for name, hook := range c.Rooms {
		if !strings.HasPrefix(hook.Reveal(), "https://") && !strings.HasPrefix(hook.Reveal(), "http://") {
			mistakes = append(mistakes, "rooms."+name+" is not the address of a webhook")
		}
	}
	return mistakes
}

// Channel posts pages to Mattermost.
type Channel struct {
	cfg Config
	ask *ask.Client
}

// New returns a channel.
func New(c Config, client *ask.Client) *Channel { return &Channel{c, client} }

// Name returns "mattermost".
func (c *Channel) Name() string { return "mattermost" }

// maxText is less than Mattermost takes, in characters.
const maxText = 8000

// Send posts the message.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	hook, ok := c.cfg.Rooms[m.Address]
	if !ok {
		return "", errs.New(errs.Invalid, "there is no room %.80q under mattermost in the channels file", m.Address)
	}
	links := m.Addresses()
	if m.AckURL != "" {
		links = append([]page.Link{{Label: "Acknowledge", URL: m.AckURL}}, links...)
	}
	var row []string
	for _, l := range links {
		row = append(row, "["+l.Label+"]("+l.URL+")")
	}
	text := page.Short(escape(m.Text), maxText)
	if len(row) > 0 {
		text += "\n\n" + strings.Join(row, " · ")
	}
	reply, err := c.ask.Do(ctx, ask.Request{Provider: "Mattermost", URL: hook.Reveal(), JSON: map[string]any{
		"username": "Nightkeeper",
		"attachments": []any{map[string]any{"fallback": page.Short(m.Title, 250), "color": colour(m.Severity), "title": page.Short(escape(m.Title), 250),
			"title_link": m.PageURL, "text": text}},
	}})
	if err != nil {
		return "", err
	}
	if err := reply.Err(); err != nil {
		return "", limited(reply, err)
	}
	return "accepted for " + m.Address, nil
}

// limited adds how long to wait, which Mattermost says in a header of its own.
func limited(r ask.Reply, err error) error {
	s, perr := strconv.ParseFloat(r.Header.Get("X-Ratelimit-Reset"), 64)
	if r.Status != 429 || r.Wait() > 0 || perr != nil {
		return err
	}
	e := errs.New(errs.Unavailable, "Mattermost answered 429")
	e.Wait = ask.Seconds(s)
	return e
}

// What a service is called must not ring everybody: a zero-width space after @ keeps it from being a mention.
var markdown = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "~", `\~`, "|", `\|`, "[", `\[`, "#", `\#`, "@", "@\u200b")

func escape(s string) string { return markdown.Replace(s) }

func colour(s detect.Severity) string {
	switch s {
	case detect.SEV1, detect.SEV2:
		return "#d64545"
	}
	return "#e0a030"
}
