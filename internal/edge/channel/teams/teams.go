package teams

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

// Config names the rooms: an address is a name, its secret the address of a workflow.
type Config struct {
	Rooms map[string]secret.Text `yaml:"rooms"`
}

// Check returns what is wrong with the configuration.
func (c Config) Check() (mistakes []string) {
	if len(c.Rooms) == 0 {
		mistakes = append(mistakes, "rooms is empty: name at least one room and its workflow")
	}
	for name, hook := range c.Rooms {
		switch at := hook.Reveal(); {
		case !strings.HasPrefix(at, "https://") && !strings.HasPrefix(at, "http://"):
			mistakes = append(mistakes, "rooms."+name+" is not the address of a workflow")
		case strings.Contains(at, ".webhook.office.com/"):
			mistakes = append(mistakes, "rooms."+name+" is an Office 365 connector, which Microsoft has retired; make a workflow")
		}
	}
	return mistakes
}

// Channel posts pages to Teams.
type Channel struct {
	cfg Config
	ask *ask.Client
}

// New returns a channel.
func New(c Config, client *ask.Client) *Channel { return &Channel{c, client} }

// Name returns "teams".
func (c *Channel) Name() string { return "teams" }

// maxText keeps the card below the 28 KB that Teams takes, in bytes.
const maxText = 12000

type block struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Wrap   bool   `json:"wrap"`
	Size   string `json:"size,omitempty"`
	Weight string `json:"weight,omitempty"`
	Color  string `json:"color,omitempty"`
}

type action struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Send posts the card. A workflow answers 202.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	hook, ok := c.cfg.Rooms[m.Address]
	if !ok {
		return "", errs.New(errs.Invalid, "there is no room %.80q under teams in the channels file", m.Address)
	}
	body := []block{{Type: "TextBlock", Text: page.Short(escape(m.Title), 250), Wrap: true, Size: "large", Weight: "bolder", Color: colour(m.Severity)}}
	for _, p := range strings.Split(m.Short(maxText), "\n") {
		if p != "" && len(body) < 40 {
			body = append(body, block{Type: "TextBlock", Text: escape(p), Wrap: true})
		}
	}
	var actions []action
	if m.AckURL != "" {
		actions = append(actions, action{"Action.OpenUrl", "Acknowledge", m.AckURL})
	}
	for _, l := range m.Addresses() {
		actions = append(actions, action{"Action.OpenUrl", l.Label, l.URL})
	}
	card := map[string]any{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body,
		"msteams": map[string]any{"width": "Full"}}
	if len(actions) > 0 {
		card["actions"] = actions
	}
	reply, err := c.ask.Do(ctx, ask.Request{Provider: "Teams", URL: hook.Reveal(), JSON: map[string]any{
		"type":        "message",
		"attachments": []any{map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card}},
	}})
	if err != nil {
		return "", err
	}
	if err := reply.Err(); err != nil {
		return "", err
	}
	return "the workflow of " + m.Address + " answered " + strconv.Itoa(reply.Status), nil
}

// A text block of a card understands some Markdown.
var markdown = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "[", `\[`, "#", `\#`)

func escape(s string) string { return markdown.Replace(s) }

func colour(s detect.Severity) string {
	switch s {
	case detect.SEV1, detect.SEV2:
		return "attention"
	}
	return "warning"
}
