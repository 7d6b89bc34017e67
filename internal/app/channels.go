package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/goccy/go-yaml"

	httpaction "nightkeeper/internal/edge/action/http"
	"nightkeeper/internal/edge/channel/discord"
	"nightkeeper/internal/edge/channel/email"
	"nightkeeper/internal/edge/channel/loopback"
	"nightkeeper/internal/edge/channel/mattermost"
	"nightkeeper/internal/edge/channel/ntfy"
	"nightkeeper/internal/edge/channel/slack"
	"nightkeeper/internal/edge/channel/teams"
	"nightkeeper/internal/edge/channel/telegram"
	"nightkeeper/internal/edge/channel/twilio"
	"nightkeeper/internal/edge/channel/webhook"
	"nightkeeper/internal/edge/channel/webpush"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/life"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
)

// Channels are the credentials of the providers by which people are told, as the channels file has them.
type Channels struct {
	Slack      *slack.Config      `yaml:"slack"`
	Ntfy       *ntfy.Config       `yaml:"ntfy"`
	Discord    *discord.Config    `yaml:"discord"`
	Mattermost *mattermost.Config `yaml:"mattermost"`
	Teams      *teams.Config      `yaml:"teams"`
	Telegram   *telegram.Config   `yaml:"telegram"`
	Twilio     *twilio.Config     `yaml:"twilio"`
	WebPush    *webpush.Config    `yaml:"webpush"`
	Webhook    *webhook.Config    `yaml:"webhook"`
}

// ReadChannels reads a channels file; an empty path is a file with nothing in it. The error is invalid, names the file and
// lists every mistake, without any secret.
func ReadChannels(path string) (c Channels, err error) {
	if path == "" {
		return c, nil
	}
	b, err := secret.Private(path)
	if err != nil {
		return c, errs.New(errs.Invalid, "the channels file cannot be used: %v", err)
	}
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, errs.New(errs.Invalid, "the channels file cannot be used: %s: %s", path, yaml.FormatError(err, false, false))
	}
	var mistakes []error
	for _, s := range c.settings() {
		for _, m := range s.mistakes {
			mistakes = append(mistakes, errs.New(errs.Invalid, "%s: %s: %s", path, s.name, m))
		}
	}
	if len(mistakes) > 0 {
		return c, errs.Wrap(errors.Join(mistakes...), errs.Invalid, "the channels file cannot be used; the first of its mistakes (%d in all): %s", len(mistakes), mistakes[0])
	}
	return c, nil
}

// setting is one channel of the channels file.
type setting struct {
	name     string
	mistakes []string
	rooms    []string // the only addresses there are; nil: any
	make     func(a *App) page.Channel
}

// settings returns the channels that the file has: one line each.
func (c Channels) settings() (out []setting) {
	add := func(name string, mistakes, rooms []string, make func(a *App) page.Channel) {
		out = append(out, setting{name, mistakes, rooms, make})
	}
	if x := c.Slack; x != nil {
		add("slack", x.Check(), nil, func(a *App) page.Channel {
			return slack.New(*x, a.ask, httpaction.Dialer(a.opts.AllowOutgoing).DialContext)
		})
	}
	if x := c.Ntfy; x != nil {
		add("ntfy", x.Check(), nil, func(a *App) page.Channel { return ntfy.New(*x, a.ask) })
	}
	if x := c.Discord; x != nil {
		add("discord", x.Check(), names(x.Rooms), func(a *App) page.Channel { return discord.New(*x, a.ask) })
	}
	if x := c.Mattermost; x != nil {
		add("mattermost", x.Check(), names(x.Rooms), func(a *App) page.Channel { return mattermost.New(*x, a.ask) })
	}
	if x := c.Teams; x != nil {
		add("teams", x.Check(), names(x.Rooms), func(a *App) page.Channel { return teams.New(*x, a.ask) })
	}
	if x := c.Telegram; x != nil {
		add("telegram", x.Check(), nil, func(a *App) page.Channel { return telegram.New(*x, a.ask) })
	}
	if x := c.Twilio; x != nil {
		add("sms", x.Check(), nil, func(a *App) page.Channel { return twilio.NewSMS(*x, a.ask) })
		add("voice", nil, nil, func(a *App) page.Channel { return twilio.NewVoice(*x, a.ask) })
	}
	if x := c.Webhook; x != nil {
		add("webhook", x.Check(), nil, nil)
	}
	if x := c.WebPush; x != nil {
		add("webpush", x.Check(), nil, func(a *App) page.Channel { return webpush.New(*x, a.pushKey, devices{a.db.Page()}, a.ask, a.opts.Now) })
	}
	return out
}

// devices are where web push sends to.
type devices struct{ store page.Store }

func (d devices) Devices(ctx context.Context, person string) (out []page.Device, err error) {
	err = d.store.View(ctx, func(tx page.Tx) error {
		out, err = tx.Devices(ctx, person)
		return err
	})
	return out, err
}

func (d devices) DropDevice(ctx context.Context, endpoint string) error {
	return d.store.Update(ctx, func(tx page.Tx) error { return tx.DropDevice(ctx, endpoint) })
}

// openPushKey reads the key of web push, which is made at the first start.
func openPushKey(ctx context.Context, db *store.DB) (webpush.Key, error) {
	fresh, err := webpush.NewKey()
	if err != nil {
		return webpush.Key{}, err
	}
	text, err := db.Secret(ctx, "webpush-key", fresh)
	if err != nil {
		return webpush.Key{}, fmt.Errorf("key of web push: %w", err)
	}
	return webpush.ReadKey(text)
}

// pushPublic returns what browsers need, "" when web push is not configured.
func (a *App) pushPublic() string {
	if a.opts.channels.WebPush == nil {
		return ""
	}
	return a.pushKey.Public
}

// names returns the names of rooms, never nil.
func names(rooms map[string]secret.Text) []string {
	return append([]string{}, slices.Sorted(maps.Keys(rooms))...)
}

// Unreachable returns the contacts of a catalog that a server with these channels cannot use, each with the reason.
func (c Channels) Unreachable(cat *catalog.Catalog, mail bool) (out []string) {
	works := c.Works(mail)
	for _, name := range slices.Sorted(maps.Keys(cat.People)) {
		for _, contact := range cat.People[name].Contacts {
			if why := works(name, contact); why != "" {
				out = append(out, why)
			}
		}
	}
	return out
}

// Works says why a server with these channels cannot use a contact.
func (c Channels) Works(mail bool) page.Works {
	rooms := map[string][]string{"inbox": nil, "webhook": nil}
	if mail {
		rooms["email"] = nil
	}
	for _, s := range c.settings() {
		rooms[s.name] = s.rooms
	}
	return func(person string, contact catalog.Contact) string {
		known, ok := rooms[contact.Channel]
		switch {
		case !ok:
			return fmt.Sprintf("%s cannot be told by %s: the server has no such channel", person, contact.Channel)
		case known != nil && !slices.Contains(known, contact.Address):
			return fmt.Sprintf("%s cannot be told by %s: there is no room %q in the channels file", person, contact.Channel, contact.Address)
		}
		return ""
	}
}

// buildChannels makes every channel that is configured.
func (a *App) buildChannels() []page.Channel {
	a.ask = ask.New(httpaction.Transport(a.opts.AllowOutgoing))
	hooks := webhook.Config{} // there without a setting, too: a contact may have a URL
	if x := a.opts.channels.Webhook; x != nil {
		hooks = *x
	}
	out := []page.Channel{webhook.New(hooks, a.ask, a.keys.all, a.opts.Now), loopback.New(a.URL, a.subkey(page.Loopback))}
	if a.opts.SMTP.Host != "" {
		out = append(out, email.New(a.opts.SMTP))
	}
	for _, s := range a.opts.channels.settings() {
		if s.make == nil {
			continue
		}
		out = append(out, s.make(a))
	}
	return out
}

// warnUnreachable says which contacts of the catalog in force cannot be used.
func (a *App) warnUnreachable() {
	for _, text := range a.opts.channels.Unreachable(a.Catalog(), a.opts.SMTP.Host != "") {
		a.opts.Log.Warn("contact", "problem", text)
	}
}

// listeners returns the loops that hear answers.
func (a *App) listeners() (out []life.Part) {
	for _, ch := range a.channels {
		l, ok := ch.(page.Listener)
		if !ok {
			continue
		}
		take := func(ctx context.Context, x page.Answer) (string, error) {
			return a.phases.page.Answer(ctx, l.Name(), x)
		}
		out = append(out, life.Loop("answers by "+l.Name(), a.opts.Log, func(ctx context.Context) error { return l.Listen(ctx, take) }))
	}
	return out
}

// callbacks returns the handler of what providers call.
func (a *App) callbacks() http.Handler {
	mux := http.NewServeMux()
	for _, ch := range a.channels {
		if c, ok := ch.(interface{ Callbacks() http.Handler }); ok {
			mux.Handle("/callbacks/"+ch.Name()+"/", http.StripPrefix("/callbacks/"+ch.Name(), c.Callbacks()))
		}
	}
	return mux
}
