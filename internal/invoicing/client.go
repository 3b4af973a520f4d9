package invoicing

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/organisation"
)

const (
	apiRoot         = "/accountify/"
	maxAnswerBytes  = 16 << 20 // an invoice with the longest history that anybody will read
	requestPatience = 30 * time.Second
)

// Client is the service behind its HTTP API, for one actor. It follows no redirects, and waits 30 seconds for an answer.
type Client struct {
	root  *url.URL // ends with apiRoot
	actor domain.Actor
	http  *http.Client
}

// NewClient returns a client of the API at an address such as http://127.0.0.1:8080, which may have a path. It keeps as many connections as are used
// at once; none is opened yet.
func NewClient(address string, actor domain.Actor) (*Client, error) {
	root, err := url.Parse(address)
	if err != nil || root.Scheme != "http" && root.Scheme != "https" || root.Host == "" || root.RawQuery != "" || root.Fragment != "" {
		return nil, errors.New("the address of the API is none: give it as http://127.0.0.1:8080")
	}
	root.Path = strings.TrimSuffix(root.Path, "/") + apiRoot
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1000, IdleConnTimeout: requestPatience}
	return &Client{root: root, actor: actor, http: &http.Client{
		Transport: transport, Timeout: requestPatience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close gives the idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Check asks whether there is such an API, and whether it serves the tenant.
func (c *Client) Check(ctx context.Context) error {
	return c.get(ctx, organisation.Category, url.Values{"limit": {"1"}}, nil)
}

// Create posts. The idempotency key is derived from the tenant, the kind and the reference, so that the same posting has the same key each time.
func (c *Client) Create(ctx context.Context, posting Posting) (Made, error) {
	body, err := json.Marshal(wirePosting(posting))
	if err != nil {
		return Made{}, fmt.Errorf("write %s %q as JSON: %w", posting.Kind(), cut(posting.Ref()), err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.root.JoinPath(posting.Kind()).String(), bytes.NewReader(body))
	if err != nil {
		return Made{}, fmt.Errorf("post %s: %w", posting.Kind(), err)
	}
	name := strings.Join([]string{"contrail import", c.actor.TenantID, posting.Kind(), posting.Ref()}, "\n")
	request.Header.Set("Idempotency-Key", uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String())
	request.Header.Set("Content-Type", "application/json")
	var made struct {
		ID string `json:"id"`
	}
	header, err := c.do(request, &made)
	return Made{ID: made.ID, Repeated: header.Get("Idempotent-Replayed") == "true"}, err
}

// Find asks for the list of what has the reference.
func (c *Client) Find(ctx context.Context, kind, reference string) (Found, error) {
	query := url.Values{"reference": {reference}, "limit": {"1"}}
	var page struct {
		Items []wireFound `json:"items"`
	}
	if err := c.get(ctx, kind, query, &page); err != nil {
		return Found{}, err
	}
	if len(page.Items) == 0 {
		return Found{}, domain.ErrNotFound
	}
	return page.Items[0].found(kind)
}

// First asks for the first version.
func (c *Client) First(ctx context.Context, kind, id string) (Found, error) {
	var first wireFound
	if err := c.get(ctx, kind+"/"+url.PathEscape(id), url.Values{"version": {"1"}}, &first); err != nil {
		return Found{}, err
	}
	return first.found(kind)
}

func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	address := c.root.JoinPath(path)
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	_, err = c.do(request, into)
	return err
}

// do sends a request and reads what is answered; into may be nil.
func (c *Client) do(request *http.Request, into any) (http.Header, error) {
	request.Header.Set("X-Tenant-Id", c.actor.TenantID)
	request.Header.Set("X-User-Id", c.actor.UserID)
	request.Header.Set("Accept", "application/json, application/problem+json")
	if c.actor.CorrelationID != "" {
		request.Header.Set("X-Correlation-Id", c.actor.CorrelationID)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, unreached(request, err)
	}
	defer func() { _ = response.Body.Close() }() // it is read to its end, or given up
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	switch {
	case err != nil:
		return nil, unreached(request, err)
	case response.StatusCode >= http.StatusMultipleChoices:
		return nil, refusal(request, response, text)
	case into == nil:
		return response.Header, nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return nil, fmt.Errorf("%s answers %s with what is none of its answers: %w; is it the address of a contrail serve?", whence(request), response.Status, err)
	}
	return response.Header, nil
}

// unreached is an error of the network, or the end of ctx. A certificate that is wrong will be so again.
func unreached(request *http.Request, err error) error {
	reason := err
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		reason = wrapped.Err // the URL may hold a password
	}
	err = fmt.Errorf("%s does not answer: %w", whence(request), reason)
	if _, certificate := errors.AsType[*tls.CertificateVerificationError](reason); certificate || errors.Is(reason, context.Canceled) {
		return err
	}
	return &UnavailableError{Err: err}
}

// whence names the service.
func whence(request *http.Request) string { return request.URL.Scheme + "://" + request.URL.Host }

// wirePosting is a posting in the API's words.
func wirePosting(posting Posting) any {
	switch posting := posting.(type) {
	case PostOrganisation:
		return struct {
			Reference string `json:"reference"`
			Name      string `json:"name"`
		}(posting)
	case PostContact:
		return struct {
			contact.Details

			Reference      string `json:"reference"`
			OrganisationID string `json:"organisation_id"`
		}{posting.Details, posting.Reference, posting.OrganisationID}
	case PostInvoice:
		return newWireDraft(posting)
	}
	return nil
}
