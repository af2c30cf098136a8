//! Roles, and what each may do. The routes of the pages name a right each; `docs/security.md` shows the
//! matrix that follows.

/// What somebody is to the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees everything that is no secret.
    ReadOnly,
    /// Helps members: changes one of them at a time.
    Support,
    /// Runs the site: everything but the accounts of owners.
    Administrator,
    /// Everything.
    Owner,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Owner, Self::Administrator, Self::Support, Self::ReadOnly];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::Support => "support",
            Self::ReadOnly => "read-only",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    pub const fn may(self, right: Right) -> bool {
        use Right as R;
        match self {
            Self::Owner | Self::Administrator => true,
            Self::Support => {
                matches!(right, R::Look | R::Own | R::Help | R::Refund)
            }
            Self::ReadOnly => matches!(right, R::Look | R::Own),
        }
    }

    /// Whether this one may give `other` to somebody, or take it away.
    pub const fn may_manage(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Administrator => !matches!(other, Self::Owner),
            Self::Support | Self::ReadOnly => false,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a page or a form takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Reading members, money and mails.
    Look,
    /// One's own account.
    Own,
    /// Changing one member.
    Help,
    /// Giving money back.
    Refund,
    /// Signing in in a member's name.
    SignInAs,
    /// Changing many members, or erasing one.
    Bulk,
    /// Taking the data of all members out.
    Export,
    /// Bringing members in.
    Import,
    /// Tiers, offers, newsletters.
    Edit,
    /// Mail, Stripe and everything else that is set.
    Settings,
    /// Keys of programs.
    Keys,
    /// Accounts of staff.
    Staff,
    /// Reading what was done.
    Audit,
}

impl Right {
    pub const ALL: [Self; 13] = [
        Self::Look,
        Self::Own,
        Self::Help,
        Self::Refund,
        Self::SignInAs,
        Self::Bulk,
        Self::Export,
        Self::Import,
        Self::Edit,
        Self::Settings,
        Self::Keys,
        Self::Staff,
        Self::Audit,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Own => "own account",
            Self::Help => "help a member",
            Self::Refund => "refund",
            Self::SignInAs => "sign in as",
            Self::Bulk => "change many",
            Self::Export => "export all",
            Self::Import => "import",
            Self::Edit => "edit what is offered",
            Self::Settings => "settings",
            Self::Keys => "keys",
            Self::Staff => "staff",
            Self::Audit => "audit log",
        }
    }

    /// Takes a password or code of a moment ago (`reliability.md` A9).
    pub const fn is_dangerous(self) -> bool {
        matches!(self, Self::SignInAs | Self::Export | Self::Import | Self::Keys | Self::Staff | Self::Settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_the_one_below_may() {
        for right in Right::ALL {
            for pair in Role::ALL.windows(2) {
                assert!(pair[0].may(right) || !pair[1].may(right), "{right:?}: {} but not {}", pair[1], pair[0]);
            }
        }
        assert!(!Role::Administrator.may_manage(Role::Owner));
        assert!(Role::parse("owner") == Some(Role::Owner) && Role::parse("root").is_none());
    }
}
