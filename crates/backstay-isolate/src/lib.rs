//! backstay-isolate
