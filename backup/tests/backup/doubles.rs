//! What places of tests have in common that behave like another one except for what they are about.

/// Reads from the place within, under a label of its own.
macro_rules! reads_from_within {
    ($place:ty, $this:ident => $label:expr) => {
        impl ::coffre_backup::destination::Source for $place {
            fn label(&self) -> String {
                let $this = self;
                $label
            }
            fn open(
                &self,
                path: &str,
                range: Option<::std::ops::Range<u64>>,
            ) -> Result<Box<dyn ::std::io::Read + '_>, ::coffre_backup::destination::SourceError> {
                self.inner.open(path, range)
            }
            fn size(&self, path: &str) -> Result<Option<u64>, ::coffre_backup::destination::SourceError> {
                self.inner.size(path)
            }
            fn list(
                &self,
                folder: &str,
            ) -> Result<::coffre_backup::destination::Contents, ::coffre_backup::destination::SourceError> {
                self.inner.list(folder)
            }
        }
    };
}

pub(crate) use reads_from_within;
