package telegram

import (
	"context"
	"html"
	"regexp"
	"strconv"
	"strings"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

// Config says which bot to use.
type Config struct {
	Token secret.Text `yaml:"token"`
	API   string      `yaml:"api"` // default https://api.telegram.org
}

var botToken = regexp.MustCompile(`^[0-9]{3,20}:[A-Za-z0-9_-]{5,100}$`)

// Check returns what is wrong with the configuration.
func (c Config) Check() (mistakes []string) {
	if !botToken.MatchString(c.Token.Reveal()) {
		mistakes = append(mistakes, "token is not the token of a bot: it has a number, a colon and letters")
	}
	if c.API != "" && !strings.HasPrefix(c.API, "http://") && !strings.HasPrefix(c.API, "https://") {
		mistakes = append(mistakes, "api must begin with http:// or https://")
	}
	return mistakes
}

// Channel sends pages by Telegram and hears the buttons.
type Channel struct {
	cfg Config
	ask *ask.Client
}

// New returns a channel.
func New(c Config, client *ask.Client) *Channel {
	if c.API == "" {
		c.API = "https://api.telegram.org"
	}
	c.API = strings.TrimSuffix(c.API, "/")
	return &Channel{c, client}
}

// Name returns "telegram".
func (c *Channel) Name() string { return "telegram" }

var chat = regexp.MustCompile(`^(-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31})$`)

// Send posts the message to a chat.
func (c *Channel) Send(ctx context.Context, m page.Message) (string, error) {
	if !chat.MatchString(m.Address) {
		return "", errs.New(errs.Invalid, "%.80q is neither the number of a chat nor the @name of a channel", m.Address)
	}
	var sent struct {
		ID   int64 `json:"message_id"`
		Chat struct {
			ID int64 `json:"id"`
		} `json:"chat"`
	}
	if err := c.call(ctx, "sendMessage", c.message(m, m.Address), &sent); err != nil {
		return "", err
	}
	return strconv.FormatInt(sent.Chat.ID, 10) + "/" + strconv.FormatInt(sent.ID, 10), nil
}

// Update takes the buttons off a message and says what became of its page.
func (c *Channel) Update(ctx context.Context, m page.Message, receipt string) error {
	where, id, _ := strings.Cut(receipt, "/")
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || !chat.MatchString(where) {
		return nil
	}
	body := c.message(m, where)
	body["message_id"] = n
	return c.call(ctx, "editMessageText", body, nil)
}

// maxText leaves room for the links within the 4096 characters that Telegram takes.
const maxText = 2800

type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

func (c *Channel) message(m page.Message, to string) map[string]any {
	// Cut before escaping: half an escape is none.
	text := "<b>" + html.EscapeString(page.Short(m.Title, 200)) + "</b>\n" + html.EscapeString(page.Short(m.Text, maxText-200))
	if m.Status != "" {
		text += "\n\n<b>" + html.EscapeString(page.Short(m.Status, 200)) + "</b>"
	}
	var links []string
	for _, l := range m.Addresses() {
		links = append(links, `<a href="`+html.EscapeString(l.URL)+`">`+html.EscapeString(l.Label)+"</a>")
	}
	if len(links) > 0 {
		text += "\n\n" + strings.Join(links, " · ")
	}
	keyboard := [][]button{}
	if m.Answerable() {
		row := []button{{"Acknowledge", ackPrefix + string(m.Notification)}}
		if m.More > 0 {
			row[0].Text = "Acknowledge all"
		} else {
			row = append(row, button{"Resolve", resolvePrefix + string(m.Notification)})
		}
		keyboard = append(keyboard, row)
	}
	return map[string]any{"chat_id": to, "text": text, "parse_mode": "HTML", "link_preview_options": map[string]bool{"is_disabled": true},
		"reply_markup": map[string]any{"inline_keyboard": keyboard}}
}

// call makes one call of the API and reads the result into out.
func (c *Channel) call(ctx context.Context, method string, in map[string]any, out any) error {
	reply, err := c.ask.Do(ctx, ask.Request{Provider: "Telegram", URL: c.cfg.API + "/bot" + c.cfg.Token.Reveal() + "/" + method, JSON: in})
	if err != nil {
		return err
	}
	head := struct {
		OK         bool   `json:"ok"`
		Text       string `json:"description"`
		Result     any    `json:"result"`
		Parameters struct {
			Wait float64 `json:"retry_after"`
		} `json:"parameters"`
	}{Result: out}
	derr := reply.Decode(&head)
	if err := reply.Err(); err != nil {
		e := errs.New(errs.CodeOf(err), "Telegram answered %d", reply.Status)
		if e.Code == errs.Invalid {
			e.Message += reason(head.Text)
		}
		e.Wait = max(errs.WaitOf(err), ask.Seconds(head.Parameters.Wait))
		return e
	}
	if derr != nil || !head.OK {
		return errs.New(errs.Unavailable, "Telegram answered %d, but not with a result", reply.Status)
	}
	return nil
}

// reason returns what people can do about a refusal.
func reason(text string) string {
	for part, why := range map[string]string{
		"chat not found": ": there is no such chat, or the person has not started the bot", "bot was blocked": ": the person blocked the bot",
		"user is deactivated": ": the account is gone", "bot was kicked": ": the bot was removed from the group", "Unauthorized": ": the token is wrong",
		"not enough rights": ": the bot may not write there", "message is not modified": ": the message is like that already",
	} {
		if strings.Contains(text, part) {
			return why
		}
	}
	return ""
}
