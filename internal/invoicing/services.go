package invoicing

import (
	"errors"

	"github.com/contrail-events/contrail/domain"
)

// Services are the three of package domain.
type Services struct {
	Organisations *domain.OrganisationService
	Contacts      *domain.ContactService
	Invoices      *domain.InvoiceService
}

// NewServices makes them over one transactor and one clock. It costs next to nothing, so that one who does things as of another time makes
// services for that time.
func NewServices(transactor domain.Transactor, clock domain.Clock, config domain.Config) (Services, error) {
	organisations, err := domain.NewOrganisationService(transactor, clock, config)
	contacts, contactsErr := domain.NewContactService(transactor, clock, config)
	invoices, invoicesErr := domain.NewInvoiceService(transactor, clock, config)
	return Services{organisations, contacts, invoices}, errors.Join(err, contactsErr, invoicesErr)
}
