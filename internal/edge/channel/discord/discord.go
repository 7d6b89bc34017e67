package discord

import (
	"context"
	"fmt"
	"strings"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Config names the rooms: an address is a name, its secret the address of a webhook.
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

// Channel posts pages to Discord.
type Channel struct {
	cfg Config
	ask *ask.Client
}

// New returns a channel.
func New(c Config, client *ask.Client) *Channel { return &Channel{c, client} }

// Name returns "discord".
func (c *Channel) Name() string { return "discord" }

// Bounds of Discord, in characters; bytes are never fewer.
const (
	maxTitle = 250
	maxText  = 3000
	maxAll   = 4096 // text and links
)

// Send posts the message and waits until Discord says that it is in the room.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	hook, ok := c.cfg.Rooms[m.Address]
	if !ok {
		return "", errs.New(errs.Invalid, "there is no room %.80q under discord in the channels file", m.Address)
	}
	text := page.Short(escape(m.Text), maxText)
	links := m.Addresses()
	if m.AckURL != "" {
		links = append([]page.Link{{Label: "Acknowledge", URL: m.AckURL}}, links...)
	}
	between := "\n\n"
	for _, l := range links {
		if link := between + "[" + l.Label + "](" + l.URL + ")"; len(text)+len(link) <= maxAll { // one more would have all of it refused
			text, between = text+link, " · "
		}
	}
	embed := map[string]any{"title": page.Short(m.Title, maxTitle), "description": text, "color": colour(m.Severity)}
	if m.PageURL != "" {
		embed["url"] = m.PageURL
	}
	at := hook.Reveal() + "?wait=true"
	if strings.Contains(hook.Reveal(), "?") {
		at = hook.Reveal() + "&wait=true"
	}
	// What a service is called must not ring everybody.
	reply, err := c.ask.Do(ctx, ask.Request{Provider: "Discord", URL: at, JSON: map[string]any{
		"username": "Nightkeeper", "embeds": []any{embed}, "allowed_mentions": map[string]any{"parse": []string{}}}})
	if err != nil {
		return "", err
	}
	if err := reply.Err(); err != nil {
		return "", limited(reply, err)
	}
	var sent struct {
		ID string `json:"id"`
	}
	if err := reply.Decode(&sent); err != nil || sent.ID == "" {
		return "", errs.New(errs.Unavailable, "Discord answered %d, but not with a message", reply.Status)
	}
	return fmt.Sprintf("message %s in %s", page.Short(sent.ID, 40), m.Address), nil
}

// limited adds how long to wait, which Discord says more exactly in the body.
func limited(r ask.Reply, err error) error {
	var body struct {
		After float64 `json:"retry_after"`
	}
	if r.Status != 429 || r.Decode(&body) != nil || body.After <= 0 {
		return err
	}
	e := errs.New(errs.Unavailable, "Discord answered 429")
	e.Wait = ask.Seconds(body.After)
	return e
}

var markdown = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "~", `\~`, "|", `\|`, ">", `\>`, "[", `\[`)

func escape(s string) string { return markdown.Replace(s) }

func colour(s detect.Severity) int {
	switch s {
	case detect.SEV1, detect.SEV2:
		return 0xd64545
	}
	return 0xe0a030
}
