package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksVerb looks after the HTTP endpoints that events are posted to, and posts.
type webhooksVerb struct {
	Add        webhooksAddVerb        `cmd:"" help:"Register an endpoint: a URL that events are posted to."`
	List       webhooksListVerb       `cmd:"" help:"List the endpoints, and how they stand."`
	Show       webhooksShowVerb       `cmd:"" help:"Show one endpoint: what it gets, how it stands, what to do."`
	Test       webhooksTestVerb       `cmd:"" help:"Post a test event to an endpoint, and tell what it answers."`
	Change     webhooksChangeVerb     `cmd:"" help:"Change the URL of an endpoint, what it gets, or how."`
	Disable    webhooksDisableVerb    `cmd:"" help:"Post nothing more to an endpoint, and cancel what waits."`
	Enable     webhooksEnableVerb     `cmd:"" help:"Post to an endpoint again."`
	Rotate     webhooksRotateVerb     `cmd:"" help:"Replace the secret that requests are signed with."`
	Remove     webhooksRemoveVerb     `cmd:"" help:"Remove an endpoint for good."`
	Deliveries webhooksDeliveriesVerb `cmd:"" help:"List what was posted to an endpoint, or is to be."`
	Run        webhooksRunVerb        `cmd:"" help:"Post events to the endpoints until a signal comes."`
}

// oneWebhook says which endpoint a verb is about.
type oneWebhook struct {
	Endpoint uuid.UUID `arg:"" help:"Which, as contrail webhooks list shows it."`
	Tenant   string    `placeholder:"ID" help:"Only if the endpoint is this tenant's."`
}

// scope is whose endpoints there are.
func (o oneWebhook) scope() webhook.Scope { return webhook.Scope{Tenant: o.Tenant} }

// withWebhooks opens what the verbs below work with.
func (a *app) withWebhooks(ctx context.Context, do func(ctx context.Context, pool *pgxpool.Pool) error) error {
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	err = do(ctx, pool)
	if errors.Is(err, webhook.ErrNotFound) {
		return fmt.Errorf("%w; contrail webhooks list shows which there are", err)
	}
	return err
}

// inWebhookFlags is what the package says of faulty fields, with the flags that they stand for.
func inWebhookFlags(err error) error {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll("\n"+err.Error(), "\n", "\x00")
	return usageError{strings.TrimPrefix(strings.NewReplacer(
		"\x00URL:", "; the URL", "\x00Consumer", "; --durable", "\x00Tenant", "; --tenant", "\x00Description", "; --description", "\x00Categories", "; --category",
		"\x00Types", "; --type", "\x00Concurrency", "; --concurrency", "\x00Timeout", "; --timeout", "\x00MaxAttempts", "; --max-attempts", "\x00", "; ",
		"has to be allowed as such", "has to be added with --allow-private",
	).Replace(text), "; ")}
}

// secretFlag takes a secret that somebody else has made. It is no argument: those stand in lists of processes and in histories.
type secretFlag struct {
	SecretFile string `env:"-" placeholder:"FILE" help:"A file with the secret, whsec_ and 24 to 64 bytes in base64; - reads it from standard input. Default: one is made."`
}

// secret is none if a new one is to be made.
func (f secretFlag) secret(stdin io.Reader) (webhook.Secret, error) {
	if f.SecretFile == "" {
		return webhook.Secret{}, nil
	}
	from := stdin
	if f.SecretFile != "-" {
		file, err := os.Open(f.SecretFile)
		if err != nil {
			return webhook.Secret{}, fmt.Errorf("read the secret: %w", err)
		}
		defer func() { _ = file.Close() }() // it is only read
		from = file
	}
	const longest = 1024 // beyond what a secret can be
	text, err := io.ReadAll(io.LimitReader(from, longest))
	if err != nil {
		return webhook.Secret{}, fmt.Errorf("read the secret: %w", err)
	}
	secret, err := webhook.ParseSecret(strings.TrimSpace(string(text)))
	if err != nil {
		return webhook.Secret{}, usagef("--secret-file: %v", err)
	}
	return secret, nil
}

// toldSecret is an endpoint with its secret, which is told once.
type toldSecret struct {
	Endpoint webhook.Endpoint `json:"endpoint"`
	Secret   string           `json:"secret"`
}

// tellSecret prints a secret, the only time that it is printed.
func (a *app) tellSecret(endpoint webhook.Endpoint, secret webhook.Secret, asJSON bool) error {
	if asJSON {
		return a.printJSON(toldSecret{endpoint, secret.Reveal()})
	}
	a.printf("secret    %s\n\nThe secret is not told again. Whoever receives the events needs it, to verify that they come from here.\n", secret.Reveal())
	return nil
}
