package invoicing_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// Another program has encrypted what it wrote about contacts. With the keys they are read as ever; once a person is forgotten the contact is there, or
// was deleted, without a name.
func TestEncryptedContacts(t *testing.T) {
	t.Parallel()
	pool, ctx := newPool(t), t.Context()
	kek := erasure.KEK{ID: "one"}
	_, err := rand.Read(kek.Key[:])
	require.NoError(t, err)
	keyring, err := erasure.NewKeyring(kek)
	require.NoError(t, err)
	store, err := eventstore.New(eventstore.Config{Keys: keyring})
	require.NoError(t, err)
	keys, err := erasure.NewKeys(pool, keyring, erasure.Config{})
	require.NoError(t, err)

	services := func(keyring *erasure.Keyring) invoicing.Services {
		transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{Keys: keyring})
		require.NoError(t, err)
		services, err := invoicing.NewServices(transactor, time.Now, domain.Config{})
		require.NoError(t, err)
		return services
	}
	reading, blind := services(keyring), services(nil)
	organisation, err := blind.Organisations.Create(ctx, actor, "Apex")
	require.NoError(t, err)

	write := func(id string, payloads ...contact.Event) {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			for n, payload := range payloads {
				metadata := contrail.Metadata{contrail.KeyTenantID: actor.TenantID}
				if created, ok := payload.(contact.Created); ok {
					metadata[contact.KeyOrganisationID] = created.OrganisationID
				}
				_, err := store.Append(ctx, tx, contrail.NewStreamID(contact.Category, id), eventstore.Exactly(int64(n)),
					contrail.Event{Type: payload.EventType(), Data: payload, Metadata: metadata, DataSubject: "person-" + id})
				if err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
	ada, bob := uuid.NewString(), uuid.NewString()
	created := func(id string) contact.Event {
		return contact.Created{OrganisationID: organisation.ID, Contact: contact.Body{ID: id, Details: contact.Details{FirstName: "Ada", LastName: "B", Email: "ada@example.org"}}}
	}
	write(ada, created(ada))
	write(bob, created(bob), contact.Deleted{Contact: contact.DeletedBody{ID: bob, DeletedAt: time.Now().UTC()}})
	_, err = invoicing.FillRegister(ctx, pool)
	require.NoError(t, err)

	_, err = blind.Contacts.Find(ctx, actor, ada)
	require.ErrorIs(t, err, codec.ErrSealed)
	_, err = blind.Contacts.List(ctx, actor, domain.ListFilter{})
	require.ErrorIs(t, err, codec.ErrSealed)
	page, err := reading.Contacts.List(ctx, actor, domain.ListFilter{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, "ada@example.org", page.Items[0].State.Email)

	for _, id := range []string{ada, bob} {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := keys.Erase(ctx, tx, "person-"+id)
			return err
		})
		require.NoError(t, err)
	}
	found, err := reading.Contacts.Find(ctx, actor, ada)
	require.NoError(t, err)
	require.Equal(t, contact.State{ID: ada, OrganisationID: organisation.ID}, found.State)
	found, err = reading.Contacts.Find(ctx, actor, bob)
	require.NoError(t, err)
	require.ErrorIs(t, found.State.CheckLive(), contact.ErrDeleted)
	_, err = reading.Contacts.Update(ctx, actor, bob, contact.Details{FirstName: "B", LastName: "B", Email: "b@example.org"})
	require.ErrorIs(t, err, contact.ErrDeleted)
	_, err = reading.Contacts.Update(ctx, actor, ada, contact.Details{FirstName: "A", LastName: "B", Email: "a@example.org"})
	require.NoError(t, err)
}
