//! The roles an application may have. What each may do stands in the policies, not here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a role: use one of legal, customer-service, sales, billing, dpo, backup")]
pub struct RoleError;

/// The role of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The legal service: reads and writes.
    Legal,
    /// Customer service: reads what a grant opens.
    CustomerService,
    /// Sales: reads what a grant opens, never health.
    Sales,
    /// Billing: reads what a grant opens.
    Billing,
    /// The data protection officer: log, grants, retention, no record content.
    Dpo,
    /// The backup account: no record, no log entry.
    Backup,
}

impl Role {
    /// Every role, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Legal, Self::CustomerService, Self::Sales, Self::Billing, Self::Dpo, Self::Backup];

    /// The role's name in policies, grants and the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Legal => "legal",
            Self::CustomerService => "customer-service",
            Self::Sales => "sales",
            Self::Billing => "billing",
            Self::Dpo => "dpo",
            Self::Backup => "backup",
        }
    }

    /// What people in France call the service or person that it stands for.
    pub const fn french(self) -> &'static str {
        match self {
            Self::Legal => "service légal",
            Self::CustomerService => "service client",
            Self::Sales => "vente",
            Self::Billing => "facturation",
            Self::Dpo => "DPO",
            Self::Backup => "compte de sauvegarde",
        }
    }

    /// The same in English.
    pub const fn english(self) -> &'static str {
        match self {
            Self::Legal => "Legal",
            Self::CustomerService => "customer service",
            Self::Sales => "Sales",
            Self::Billing => "Billing",
            Self::Dpo => "DPO",
            Self::Backup => "backup account",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(RoleError)
    }
}
