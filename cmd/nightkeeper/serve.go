package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nightkeeper/internal/app"
)

func newServe() *cobra.Command {
	var o app.Options
	var allow string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server: intake, alerts, pages, runbooks, web pages and API",
		Long: "Run the server. It reloads its catalog on SIGHUP and keeps the last good one when the new one is bad.\n" +
			"Every flag can be given as an environment variable: --database-url is NIGHTKEEPER_DATABASE_URL.",
		Args: cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnv(cmd.Flags())
		},
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.AllowOutgoing, err = app.ParsePrefixes(allow); err != nil {
				return exitError{exitUsage, fmt.Errorf("--allow-outgoing: %w", err)}
			}
			o.Version, o.Log = version, slog.New(slog.NewTextHandler(os.Stderr, nil))
			o.SMTP.Password = os.Getenv("NIGHTKEEPER_SMTP_PASSWORD")
			o.AdminPassword = os.Getenv("NIGHTKEEPER_ADMIN_PASSWORD")
			return serve(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.DataDir, "data", "nightkeeper-data", "directory for state, telemetry and secrets")
	f.StringVar(&o.CatalogDir, "catalog", "", "directory with what you declare (required)")
	f.BoolVar(&o.Shadow, "shadow", false, "run beside another on-call system: decide everything and page nobody")
	f.StringVar(&o.DatabaseURL, "database-url", "", "postgres://… instead of SQLite in the data directory")
	f.StringVar(&o.HTTPAddr, "http", "127.0.0.1:7777", "address of the pages and the API")
	f.StringVar(&o.GRPCAddr, "otlp-grpc", "127.0.0.1:4317", "address of OTLP over gRPC")
	f.StringVar(&o.OTLPAddr, "otlp-http", "127.0.0.1:4318", "address of OTLP over HTTP")
	f.StringVar(&o.BaseURL, "base-url", "", "how people reach the pages, for links in messages")
	f.DurationVar(&o.Retention, "retention", 30*24*time.Hour, "how long telemetry is kept")
	f.Int64Var(&o.MaxTelemetry, "max-telemetry-bytes", 0, "cap of telemetry on disk; 0 is none")
	f.StringVar(&allow, "allow-outgoing", "", "private addresses that runbooks, webhooks and experiments may call, such as 10.0.0.0/8")
	f.StringVar(&o.SecretsDir, "secrets", "", "directory with secrets that runbooks may send in headers, each with the servers that may have it")
	f.StringVar(&o.SMTP.Host, "smtp-host", "", "mail server; without one, e-mail contacts are not told")
	f.IntVar(&o.SMTP.Port, "smtp-port", 587, "port of the mail server")
	f.StringVar(&o.SMTP.From, "smtp-from", "", "sender of mails")
	f.StringVar(&o.SMTP.User, "smtp-user", "", "user at the mail server; the password is NIGHTKEEPER_SMTP_PASSWORD")
	f.StringVar(&o.SMTP.TLS, "smtp-tls", "", "mandatory (the default, but on loopback), opportunistic, implicit or none")
	f.DurationVar(&o.Watchdog.Every, "watchdog-every", 5*time.Minute, "how often a test page tries the way from an alert to a person; 0 is never")
	f.DurationVar(&o.Watchdog.Within, "watchdog-within", time.Minute, "how long a test page may take before people are told that pages do not arrive")
	f.StringVar(&o.Watchdog.Ping, "watchdog-ping", "", "URL of a heartbeat elsewhere that is told of each test page that arrives")
	f.StringVar(&o.Watchdog.Policy, "watchdog-policy", "", "escalation policy whose people are told when test pages do not arrive (the default one when not given)")
	f.StringVar(&o.ChannelsFile, "channels", "", "file with the credentials of chat, push, SMS and voice; see docs/channels.md")
	return cmd
}

// fromEnv sets flags that were not given from the environment.
func fromEnv(flags *pflag.FlagSet) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		if v, ok := os.LookupEnv(envName(f.Name)); ok && !f.Changed && err == nil {
			if serr := flags.Set(f.Name, v); serr != nil {
				err = exitError{exitUsage, fmt.Errorf("%s: %w", envName(f.Name), serr)}
			}
		}
	})
	return err
}

func envName(flag string) string {
	out := []byte("NIGHTKEEPER_" + flag)
	for i, c := range out {
		switch {
		case c == '-':
			out[i] = '_'
		case c >= 'a' && c <= 'z':
			out[i] = c - 'a' + 'A'
		}
	}
	return string(out)
}

// serve runs the program until ctx ends.
func serve(ctx context.Context, o app.Options) error {
	a, err := app.New(o)
	if err != nil {
		return exitError{exitUsage, err}
	}
	err = a.Start(ctx)
	if err == nil {
		wait(ctx, a, o.Log)
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	if serr := a.Stop(stop); serr != nil {
		o.Log.Error("not everything stopped cleanly", "error", serr)
	}
	if bad, ok := errors.AsType[app.BadCatalog](err); ok {
		return exitError{exitFailed, bad}
	}
	return err
}

// wait reloads on SIGHUP until ctx ends.
func wait(ctx context.Context, a *app.App, log *slog.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			if err := a.Reload(); err != nil {
				log.Error("the catalog was not reloaded; the last good one stays in force", "error", err)
			}
		}
	}
}
