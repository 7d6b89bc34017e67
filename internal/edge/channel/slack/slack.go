package slack

import (
	"context"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

// Config says how to speak with one workspace. Rooms are incoming webhooks by name.
type Config struct {
	BotToken secret.Text            `yaml:"botToken"`
	AppToken secret.Text            `yaml:"appToken"` // of Socket Mode; without it there are links instead of buttons
	Rooms    map[string]secret.Text `yaml:"rooms"`
	API      string                 `yaml:"api"` // default https://slack.com/api
}

// Check returns what is wrong with the configuration.
func (c Config) Check() (mistakes []string) {
	if !c.BotToken.Set() && len(c.Rooms) == 0 {
		mistakes = append(mistakes, "neither botToken nor rooms: nothing can be sent")
	}
	if c.BotToken.Set() && !strings.HasPrefix(c.BotToken.Reveal(), "xoxb-") {
		mistakes = append(mistakes, "botToken is not the token of a bot: it begins with xoxb-")
	}
	if c.AppToken.Set() && !strings.HasPrefix(c.AppToken.Reveal(), "xapp-") {
		mistakes = append(mistakes, "appToken is not a token of an app: it begins with xapp-")
	}
	if c.AppToken.Set() && !c.BotToken.Set() {
		mistakes = append(mistakes, "appToken is of no use without botToken")
	}
	if c.API != "" && !strings.HasPrefix(c.API, "http://") && !strings.HasPrefix(c.API, "https://") {
		mistakes = append(mistakes, "api must begin with http:// or https://")
	}
	for name, hook := range c.Rooms {
		if !strings.HasPrefix(hook.Reveal(), "https://") && !strings.HasPrefix(hook.Reveal(), "http://") {
			mistakes = append(mistakes, "rooms."+name+" is not the address of a webhook")
		}
	}
	return mistakes
}

// Dial makes a connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Channel sends pages to Slack and hears the buttons.
type Channel struct {
	cfg  Config
	ask  *ask.Client
	dial Dial
}

// New returns a channel; dial is for the socket.
func New(c Config, client *ask.Client, dial Dial) *Channel {
	if c.API == "" {
		c.API = "https://slack.com/api"
	}
	c.API = strings.TrimSuffix(c.API, "/")
	return &Channel{c, client, dial}
}

// Name returns "slack".
func (c *Channel) Name() string { return "slack" }

// place is an id of a person, a room or a conversation.
var place = regexp.MustCompile(`^[UWCGD][A-Z0-9]{2,30}$`)

// Send posts the message: to the webhook of a named room, or by the bot to an id.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	if hook, ok := c.cfg.Rooms[m.Address]; ok {
		reply, err := c.ask.Do(ctx, ask.Request{Provider: "Slack", URL: hook.Reveal(), JSON: map[string]any{"text": escape(m.Title), "blocks": blocks(m, false)}})
		if err != nil {
			return "", err
		}
		if err := reply.Err(); err != nil {
			return "", err
		}
		return "accepted for " + m.Address, nil
	}
	if !place.MatchString(m.Address) || !c.cfg.BotToken.Set() {
		return "", errs.New(errs.Invalid, "%.80q is neither an id of Slack that a bot may write to, nor a room of the channels file", m.Address)
	}
	var sent struct {
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	}
	err := c.call(ctx, "chat.postMessage", c.cfg.BotToken, map[string]any{"channel": m.Address, "text": escape(m.Title), "blocks": blocks(m, c.cfg.AppToken.Set()),
		"unfurl_links": false, "unfurl_media": false}, &sent)
	if err != nil {
		return "", err
	}
	return page.Short(sent.Channel, 40) + "/" + page.Short(sent.TS, 40), nil
}

// Update takes the buttons off a message and says what became of its page. What a webhook posted cannot be changed.
func (c *Channel) Update(ctx context.Context, m page.Message, receipt string) error {
	room, ts, ok := strings.Cut(receipt, "/")
	if !ok || !place.MatchString(room) {
		return nil
	}
	return c.call(ctx, "chat.update", c.cfg.BotToken, map[string]any{"channel": room, "ts": ts, "text": escape(m.Title + ": " + m.Status), "blocks": blocks(m, false)}, nil)
}

// never are errors of Slack that stay. Whatever is not known is tried again.
var never = []string{"channel_not_found", "not_in_channel", "is_archived", "user_not_found", "user_disabled", "users_not_found", "cannot_dm_bot",
	"messages_tab_disabled", "restricted_action", "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
	"not_allowed_token_type", "no_permission", "ekm_access_denied", "msg_too_long", "invalid_blocks", "invalid_arguments", "no_text", "team_access_not_granted",
	"message_not_found", "cant_update_message", "edit_window_closed"}

// call makes one call of the API and reads the answer into out.
func (c *Channel) call(ctx context.Context, method string, token secret.Text, in map[string]any, out any) error {
	if in == nil {
		in = map[string]any{}
	}
	reply, err := c.ask.Do(ctx, ask.Request{Provider: "Slack", URL: c.cfg.API + "/" + method, JSON: in, Header: map[string]string{"Authorization": "Bearer " + token.Reveal()}})
	if err != nil {
		return err
	}
	if err := reply.Err(); err != nil {
		return err
	}
	var head struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	if err := reply.Decode(&head); err != nil {
		return err
	}
	if !head.OK {
		code := errs.Unavailable
		if slices.Contains(never, head.Error) {
			code = errs.Invalid
		}
		e := errs.New(code, "Slack answered %s", word(head.Error))
		if code == errs.Unavailable {
			e.Wait = reply.Wait()
		}
		return e
	}
	if out == nil {
		return nil
	}
	return reply.Decode(out)
}

// word returns an error code of Slack as it may be shown: a word, whatever came.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || r == '_' {
			return r
		}
		return -1
	}, s)
	if s == "" {
		return "no, without a reason"
	}
	return page.Short(s, 60)
}

// Bounds of Slack, in characters.
const (
	maxHeader = 150
	maxText   = 2900
)

// Ids of the buttons.
const (
	ackButton     = "ack"
	resolveButton = "resolve"
)

type dict = map[string]any

func plain(s string) dict { return dict{"type": "plain_text", "text": s} }

// blocks returns the message as blocks. Buttons that come back are there when somebody hears them.
func blocks(m page.Message, heard bool) []any {
	out := []any{dict{"type": "header", "text": plain(page.Short(m.Title, maxHeader))}}
	if strings.TrimSpace(m.Text) != "" { // a section without text is refused, and the message with it
		out = append(out, dict{"type": "section", "text": dict{"type": "mrkdwn", "text": page.Short(escape(m.Text), maxText)}})
	}
	if m.Status != "" {
		out = append(out, dict{"type": "context", "elements": []any{dict{"type": "mrkdwn", "text": page.Short(escape(m.Status), maxText)}}})
	}
	var buttons []any
	switch {
	case heard && m.Answerable():
		label := "Acknowledge"
		if m.More > 0 {
			label = "Acknowledge all"
		}
		buttons = append(buttons, dict{"type": "button", "action_id": ackButton, "text": plain(label), "style": "primary", "value": string(m.Notification)})
		if m.More == 0 {
			buttons = append(buttons, dict{"type": "button", "action_id": resolveButton, "text": plain("Resolve"), "value": string(m.Notification), "confirm": dict{
				"title": plain("Resolve"), "text": plain("Say that " + page.Short(m.Service, 100) + " is over?"), "confirm": plain("It is over"), "deny": plain("Not yet")}})
		}
	case m.AckURL != "":
		buttons = append(buttons, link("Acknowledge", m.AckURL, 0))
	}
	for i, l := range m.Addresses() {
		buttons = append(buttons, link(l.Label, l.URL, i+1))
	}
	if len(buttons) > 0 {
		out = append(out, dict{"type": "actions", "elements": buttons})
	}
	return out
}

func link(label, url string, n int) dict {
	return dict{"type": "button", "action_id": "link" + string(rune('0'+n)), "text": plain(label), "url": url}
}

// What a service is called must not ring everybody.
var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escape(s string) string { return markup.Replace(s) }

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
